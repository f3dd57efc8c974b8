// SPDX-License-Identifier: MIT
// The class "read-only".
#include <algorithm>
#include <array>

#include "manifest/grant.h"

namespace bpfgate::manifest {
namespace {

// Left out, beside what writes: dynptr_write and bpf_dynptr_slice_rdwr (the memory may be a packet's), getsockopt and
// override_return (what a process gets to see), tail_call, sys_bpf and sys_close, bprm_opts_set, and everything that is
// of use in special places only.
// clang-format off
constexpr std::array<std::string_view, 138> helper_names = {
    "map_lookup_elem", "map_update_elem", "map_delete_elem", "probe_read", "ktime_get_ns", "trace_printk",
    "get_prandom_u32", "get_smp_processor_id", "get_current_pid_tgid", "get_current_uid_gid", "get_current_comm",
    "get_cgroup_classid", "perf_event_read", "get_route_realm", "perf_event_output", "skb_load_bytes", "get_stackid",
    "csum_diff", "skb_get_tunnel_key", "skb_get_tunnel_opt", "skb_under_cgroup", "get_hash_recalc", "get_current_task",
    "current_task_under_cgroup", "get_numa_node_id", "probe_read_str", "get_socket_cookie", "get_socket_uid",
    "perf_event_read_value", "perf_prog_read_value", "skb_get_xfrm_state", "get_stack", "skb_load_bytes_relative",
    "fib_lookup", "skb_cgroup_id", "get_current_cgroup_id", "get_local_storage", "skb_ancestor_cgroup_id",
    "sk_lookup_tcp", "sk_lookup_udp", "sk_release", "map_push_elem", "map_pop_elem", "map_peek_elem", "spin_lock",
    "spin_unlock", "sk_fullsock", "tcp_sock", "get_listener_sock", "skc_lookup_tcp", "tcp_check_syncookie",
    "sysctl_get_name", "sysctl_get_current_value", "sysctl_get_new_value", "strtol", "strtoul", "sk_storage_get",
    "sk_storage_delete", "skb_output", "probe_read_user", "probe_read_kernel", "probe_read_user_str",
    "probe_read_kernel_str", "jiffies64", "read_branch_records", "get_ns_current_pid_tgid", "xdp_output",
    "get_netns_cookie", "get_current_ancestor_cgroup_id", "ktime_get_boot_ns", "seq_printf", "seq_write",
    "sk_cgroup_id", "sk_ancestor_cgroup_id", "ringbuf_output", "ringbuf_reserve", "ringbuf_submit", "ringbuf_discard",
    "ringbuf_query", "skc_to_tcp6_sock", "skc_to_tcp_sock", "skc_to_tcp_timewait_sock", "skc_to_tcp_request_sock",
    "skc_to_udp6_sock", "get_task_stack", "load_hdr_opt", "inode_storage_get", "inode_storage_delete", "d_path",
    "copy_from_user", "snprintf_btf", "seq_printf_btf", "skb_cgroup_classid", "per_cpu_ptr", "this_cpu_ptr",
    "task_storage_get", "task_storage_delete", "get_current_task_btf", "ktime_get_coarse_ns", "ima_inode_hash",
    "sock_from_file", "check_mtu", "for_each_map_elem", "snprintf", "timer_init", "timer_set_callback", "timer_start",
    "timer_cancel", "get_func_ip", "get_attach_cookie", "task_pt_regs", "get_branch_snapshot", "trace_vprintk",
    "skc_to_unix_sock", "find_vma", "loop", "strncmp", "get_func_arg", "get_func_ret", "get_func_arg_cnt", "get_retval",
    "xdp_get_buff_len", "xdp_load_bytes", "copy_from_user_task", "ima_file_hash", "kptr_xchg", "map_lookup_percpu_elem",
    "skc_to_mptcp_sock", "dynptr_from_mem", "ringbuf_reserve_dynptr", "ringbuf_submit_dynptr", "ringbuf_discard_dynptr",
    "dynptr_read", "dynptr_data", "ktime_get_tai_ns", "user_ringbuf_drain", "cgrp_storage_get", "cgrp_storage_delete"};

constexpr std::array<std::string_view, 70> kfunc_names = {
    "bpf_rcu_read_lock", "bpf_rcu_read_unlock", "bpf_cast_to_kern_ctx", "bpf_rdonly_cast", "bpf_get_kmem_cache",
    "bpf_task_acquire", "bpf_task_release", "bpf_task_from_pid", "bpf_task_from_vpid", "bpf_task_under_cgroup",
    "bpf_task_get_cgroup1", "bpf_cgroup_acquire", "bpf_cgroup_release", "bpf_cgroup_ancestor", "bpf_cgroup_from_id",
    "bpf_cgroup_read_xattr", "bpf_iter_num_new", "bpf_iter_num_next", "bpf_iter_num_destroy", "bpf_iter_task_new",
    "bpf_iter_task_next", "bpf_iter_task_destroy", "bpf_iter_task_vma_new", "bpf_iter_task_vma_next",
    "bpf_iter_task_vma_destroy", "bpf_iter_css_new", "bpf_iter_css_next", "bpf_iter_css_destroy",
    "bpf_iter_css_task_new", "bpf_iter_css_task_next", "bpf_iter_css_task_destroy", "bpf_iter_bits_new",
    "bpf_iter_bits_next", "bpf_iter_bits_destroy", "bpf_iter_kmem_cache_new", "bpf_iter_kmem_cache_next",
    "bpf_iter_kmem_cache_destroy", "bpf_iter_dmabuf_new", "bpf_iter_dmabuf_next", "bpf_iter_dmabuf_destroy",
    "bpf_dynptr_adjust", "bpf_dynptr_is_null", "bpf_dynptr_is_rdonly", "bpf_dynptr_size", "bpf_dynptr_clone",
    "bpf_dynptr_slice", "bpf_dynptr_from_skb", "bpf_dynptr_from_xdp", "bpf_get_task_exe_file", "bpf_put_file",
    "bpf_path_d_path", "bpf_get_file_xattr", "bpf_get_dentry_xattr", "bpf_get_fsverity_digest", "bpf_session_is_return",
    "bpf_session_cookie", "bpf_copy_from_user_str", "bpf_copy_from_user_task_str", "bpf_strcmp", "bpf_strcasecmp",
    "bpf_strchr", "bpf_strchrnul", "bpf_strnchr", "bpf_strrchr", "bpf_strlen", "bpf_strnlen", "bpf_strspn",
    "bpf_strcspn", "bpf_strstr", "bpf_strnstr"};
// clang-format on

}  // namespace

const HelperSet& read_only_helpers() {
  static const HelperSet set = [] {
    HelperSet found;
    for (std::string_view name : helper_names) {
      // A name that is none would be a hole in the list, not in the gate; a test looks.
      if (auto number = number_of(kHelpers, name)) found.set(*number);
    }
    return found;
  }();
  return set;
}

const std::set<std::string>& read_only_kfuncs() {
  static const std::set<std::string> set(kfunc_names.begin(), kfunc_names.end());
  return set;
}

}  // namespace bpfgate::manifest
