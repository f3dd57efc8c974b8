// SPDX-License-Identifier: MIT
// Names and numbers against those of libbpf and of the kernel's header on the machine that builds, which may be older.
#include "manifest/vocabulary.h"

#include <linux/bpf.h>

#include <catch2/catch_test_macros.hpp>
#include <set>
#include <utility>

#include "manifest/grant.h"

using namespace bpfgate::manifest;

namespace {

#define HELPER_NAME(name, ...) #name
constexpr const char* header_helpers[] = {__BPF_FUNC_MAPPER(HELPER_NAME)};

}  // namespace

TEST_CASE("types have the kernel header's numbers") {
  const std::pair<const char*, unsigned> programs[] = {{"unspec", BPF_PROG_TYPE_UNSPEC},
                                                       {"socket_filter", BPF_PROG_TYPE_SOCKET_FILTER},
                                                       {"kprobe", BPF_PROG_TYPE_KPROBE},
                                                       {"sched_cls", BPF_PROG_TYPE_SCHED_CLS},
                                                       {"cgroup_sock_addr", BPF_PROG_TYPE_CGROUP_SOCK_ADDR},
                                                       {"lsm", BPF_PROG_TYPE_LSM},
                                                       {"syscall", BPF_PROG_TYPE_SYSCALL}};
  for (const auto& [name, number] : programs) CHECK(number_of(kProgramTypes, name).value() == number);
  const std::pair<const char*, unsigned> maps[] = {{"hash", BPF_MAP_TYPE_HASH},
                                                   {"devmap_hash", BPF_MAP_TYPE_DEVMAP_HASH},
                                                   {"percpu_cgroup_storage", BPF_MAP_TYPE_PERCPU_CGROUP_STORAGE},
                                                   {"task_storage", BPF_MAP_TYPE_TASK_STORAGE},
                                                   {"user_ringbuf", BPF_MAP_TYPE_USER_RINGBUF}};
  for (const auto& [name, number] : maps) CHECK(number_of(kMapTypes, name).value() == number);
  const std::pair<const char*, unsigned> attachments[] = {{"cgroup_inet_ingress", BPF_CGROUP_INET_INGRESS},
                                                          {"trace_fentry", BPF_TRACE_FENTRY},
                                                          {"modify_return", BPF_MODIFY_RETURN},
                                                          {"lsm_mac", BPF_LSM_MAC},
                                                          {"perf_event", BPF_PERF_EVENT},
                                                          {"trace_kprobe_multi", BPF_TRACE_KPROBE_MULTI}};
  for (const auto& [name, number] : attachments) CHECK(number_of(kAttachTypes, name).value() == number);
}

TEST_CASE("helpers have the kernel header's names and numbers") {
  unsigned number = 0;
  for (const char* name : header_helpers) CHECK(name_of(kHelpers, number++) == name);
  CHECK(number > 200);
}

TEST_CASE("every name leads back to its number") {
  for (const Vocabulary* vocabulary : {&kCommands, &kProgramTypes, &kMapTypes, &kAttachTypes, &kHelpers}) {
    std::set<std::string_view> seen;
    for (unsigned number = 0; number < vocabulary->names.size(); ++number) {
      CHECK(seen.insert(vocabulary->names[number]).second);
      CHECK(number_of(*vocabulary, vocabulary->names[number]).value() == number);
    }
  }
}

TEST_CASE("a number without a name is still said") { CHECK(name_of(kMapTypes, 63) == "map type 63"); }

TEST_CASE("the class read-only has what looks, and nothing that writes") {
  CHECK(read_only_helpers().count() == 138);  // each of its names is a helper
  for (const char* name :
       {"probe_read_kernel", "get_stackid", "ringbuf_output", "perf_event_output", "map_update_elem"})
    CHECK(read_only_helpers().test(number_of(kHelpers, name).value()));
  for (const char* name : {"probe_write_user",
                           "override_return",
                           "send_signal",
                           "send_signal_thread",
                           "set_retval",
                           "sys_bpf",
                           "sys_close",
                           "skb_store_bytes",
                           "xdp_store_bytes",
                           "clone_redirect",
                           "redirect",
                           "redirect_map",
                           "redirect_peer",
                           "setsockopt",
                           "bind",
                           "tail_call",
                           "dynptr_write",
                           "bprm_opts_set",
                           "sysctl_set_new_value",
                           "sk_assign",
                           "msg_push_data",
                           "skb_change_tail",
                           "tcp_send_ack",
                           "unspec"})
    CHECK_FALSE(read_only_helpers().test(number_of(kHelpers, name).value()));
  CHECK(read_only_kfuncs().contains("bpf_task_from_pid"));
  CHECK_FALSE(read_only_kfuncs().contains("bpf_dynptr_slice_rdwr"));
  CHECK_FALSE(read_only_kfuncs().contains("bpf_set_dentry_xattr"));
}
