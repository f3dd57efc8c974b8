// SPDX-License-Identifier: MIT
#include "gate/probe.h"

#include <linux/btf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <initializer_list>
#include <string_view>

#include "base/io.h"
#include "gate/kernel_types.h"
#include "gate/policy.h"

namespace bpfgate::gate {
namespace {

// Without these nothing can be proven. In the order of the kernels that brought them.
constexpr const char* required_functions[] = {
    "bpf_lookup_user_key", "bpf_key_put",       "bpf_verify_pkcs7_signature", "bpf_task_from_pid",
    "bpf_task_release",    "bpf_rcu_read_lock", "bpf_rcu_read_unlock",        "bpf_get_fsverity_digest",
    "bpf_get_file_xattr",
};

// Without these a running process cannot be judged again after an update, and events name no path.
constexpr const char* optional_functions[] = {"bpf_get_task_exe_file", "bpf_put_file", "bpf_path_d_path"};

constexpr const char* lsm_list = "/sys/kernel/security/lsm";

Result<> check_privileges() {
  __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) != 0) return fail_errno("capget");
  bool is_admin = (data[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
  if (!is_admin) return fail(ErrorKind::Failed, "this needs CAP_SYS_ADMIN", "Run it as root, outside of containers.");
  return {};
}

bool contains_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    size_t comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  }
  return false;
}

Result<> check_lsm_list() {
  auto text = read_text_file(lsm_list, 4096);
  if (!text)
    return fail(ErrorKind::Unsupported, std::string("cannot read ") + lsm_list + ": " + text.error().message,
                "Mount securityfs: mount -t securityfs securityfs /sys/kernel/security");
  while (!text->empty() && text->back() == '\n') text->pop_back();
  if (contains_word(*text, "bpf")) return {};
  return fail(ErrorKind::Unsupported, "\"bpf\" is not among this kernel's security modules (" + *text + ")",
              "Add lsm=" + *text + ",bpf to the kernel command line and boot again.");
}

Result<> check_required(const KernelTypes& types) {
  for (const char* name : required_functions) {
    if (types.function(name)) continue;
    return fail(ErrorKind::Unsupported, std::string("this kernel lacks ") + name,
                "Use kernel 6.9 or later, built with CONFIG_BPF_LSM, CONFIG_FS_VERITY and "
                "CONFIG_SYSTEM_DATA_VERIFICATION.");
  }
  return {};
}

Result<> check_hooks(const KernelTypes& types) {
  int arity = types.arity("bpf_lsm_bpf");
  if (types.arity("bpf_lsm_bpf_prog_load") < 0)
    return fail(ErrorKind::Unsupported, "this kernel asks no module about programs that are loaded",
                "Use kernel 6.9 or later.");
  if (arity == 3 || arity == 4) return {};
  if (arity < 0)
    return fail(ErrorKind::Unsupported, "this kernel has no BPF LSM", "Use a kernel built with CONFIG_BPF_LSM=y.");
  return fail(ErrorKind::Unsupported, "this kernel's bpf hook has " + std::to_string(arity) + " arguments",
              "Use a newer bpfgate.");
}

// The first of these that the kernel has not.
std::string lacking(const Result<KernelTypes>& types, std::initializer_list<const char*> functions) {
  if (!types) return types.error().message;
  for (const char* name : functions)
    if (!types->function(name)) return name;
  return "";
}

}  // namespace

// What bpf/volume.bpf.c is attached to, and reads: functions and types of dm_mod and dm_verity.
bool can_follow_volumes(const KernelTypes& types) {
  return types.arity("bpf_lsm_bdev_setintegrity") == 4 && types.arity("bpf_lsm_bdev_free_security") == 1 &&
         types.arity("bpf_lsm_bdev_alloc_security") == 1 &&
         types.module_has("dm_mod", "dm_swap_table", BTF_KIND_FUNC) &&
         types.module_has("dm_mod", "dm_blk_open", BTF_KIND_FUNC) &&
         types.module_has("dm_verity", "verity_preresume", BTF_KIND_FUNC) &&
         types.module_has("dm_verity", "dm_verity", BTF_KIND_STRUCT);
}

std::vector<Capability> capabilities() {
  auto types = KernelTypes::open();
  return {
      {"decisions on bpf(2)", lacking(types, {"bpf_lsm_bpf", "bpf_lsm_bpf_prog_load"})},
      {"fs-verity digests", lacking(types, {"bpf_get_fsverity_digest"})},
      {"signatures", lacking(types, {"bpf_get_file_xattr", "bpf_verify_pkcs7_signature"})},
      {"IMA digests", ima_of_host() ? "" : "an IMA policy that measures (ima_policy=tcb)"},
      {"dm-verity volumes", types && can_follow_volumes(*types) ? "" : "the modules dm_mod and dm_verity, loaded"},
      {"signed programs", types && types->has_member("bpf_prog_aux", "sig") ? "" : "bpf_prog_aux.sig (Linux 7.2)"},
      {"running processes judged again", lacking(types, {"bpf_get_task_exe_file", "bpf_put_file"})},
      {"executables named in events", lacking(types, {"bpf_path_d_path"})},
  };
}

Result<Kernel> probe_kernel() {
  TRY(check_privileges());
  TRY(check_lsm_list());
  TRY_ASSIGN(KernelTypes types, KernelTypes::open());
  TRY(check_hooks(types));
  TRY(check_required(types));
  Kernel kernel;
  kernel.bpf_hook_has_kernel_argument = types.arity("bpf_lsm_bpf") == 4;
  kernel.load_hook_has_kernel_argument = types.arity("bpf_lsm_bpf_prog_load") == 4;
  kernel.has_post_xattr_hooks =
      types.arity("bpf_lsm_inode_post_setxattr") == 5 && types.arity("bpf_lsm_inode_post_removexattr") == 2;
  kernel.has_volumes = can_follow_volumes(types);
  kernel.verifies_programs = types.has_member("bpf_prog_aux", "sig");
  for (const char* name : optional_functions) {
    if (!types.function(name)) kernel.missing_optional.emplace_back(name);
  }
  return kernel;
}

}  // namespace bpfgate::gate
