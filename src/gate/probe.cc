// SPDX-License-Identifier: MIT
#include "gate/probe.h"

#include <bpf/btf.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <filesystem>
#include <memory>
#include <string_view>

#include "base/io.h"

namespace bpfgate::gate {
namespace {

struct BtfDeleter {
  void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfDeleter>;

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

Result<Btf> load_kernel_types() {
  Btf types(btf__load_vmlinux_btf());
  if (types) return types;
  return fail(ErrorKind::Unsupported, "this kernel describes no types of its own (/sys/kernel/btf/vmlinux)",
              "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y.");
}

bool has_function(const btf* types, const char* name) { return btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0; }

Result<> check_required(const btf* types) {
  for (const char* name : required_functions) {
    if (has_function(types, name)) continue;
    return fail(ErrorKind::Unsupported, std::string("this kernel lacks ") + name,
                "Use kernel 6.8 or later, built with CONFIG_BPF_LSM, CONFIG_FS_VERITY and "
                "CONFIG_SYSTEM_DATA_VERIFICATION.");
  }
  return {};
}

// Number of arguments of the hook's BPF attachment point, bpf_lsm_NAME(); -1 where the kernel has no such hook.
int hook_arity(const btf* types, const char* function) {
  int id = btf__find_by_name_kind(types, function, BTF_KIND_FUNC);
  if (id <= 0) return -1;
  const btf_type* prototype = btf__type_by_id(types, btf__type_by_id(types, id)->type);
  return prototype != nullptr && btf_is_func_proto(prototype) ? btf_vlen(prototype) : -1;
}

Result<> check_hooks(const btf* types) {
  int arity = hook_arity(types, "bpf_lsm_bpf");
  if (arity == 3 || arity == 4) return {};
  if (arity < 0)
    return fail(ErrorKind::Unsupported, "this kernel has no BPF LSM", "Use a kernel built with CONFIG_BPF_LSM=y.");
  return fail(ErrorKind::Unsupported, "this kernel's bpf hook has " + std::to_string(arity) + " arguments",
              "Use a newer bpfgate.");
}

}  // namespace

Result<Kernel> probe_kernel() {
  TRY(check_privileges());
  TRY(check_lsm_list());
  TRY_ASSIGN(Btf types, load_kernel_types());
  TRY(check_hooks(types.get()));
  TRY(check_required(types.get()));
  Kernel kernel;
  kernel.bpf_hook_has_kernel_argument = hook_arity(types.get(), "bpf_lsm_bpf") == 4;
  kernel.load_hook_has_kernel_argument = hook_arity(types.get(), "bpf_lsm_bpf_prog_load") == 4;
  kernel.has_post_xattr_hooks = hook_arity(types.get(), "bpf_lsm_inode_post_setxattr") == 5 &&
                                hook_arity(types.get(), "bpf_lsm_inode_post_removexattr") == 2;
  for (const char* name : optional_functions) {
    if (!has_function(types.get(), name)) kernel.missing_optional.emplace_back(name);
  }
  return kernel;
}

}  // namespace bpfgate::gate
