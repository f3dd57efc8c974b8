// SPDX-License-Identifier: MIT
// What this kernel offers. Features are looked up, versions never compared.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::gate {

struct Kernel {
  bool bpf_hook_has_kernel_argument = false;   // 6.15: security_bpf() tells whether the kernel itself calls
  bool load_hook_has_kernel_argument = false;  // the same for security_bpf_prog_load()
  bool has_post_xattr_hooks = false;           // 6.9: inode_post_setxattr, inode_post_removexattr
  bool has_volumes = false;                    // 6.12, with dm_verity loaded or built in: dm-verity is followed
  bool verifies_programs = false;              // 7.2: says against which keyring it has verified a program
  std::vector<std::string> missing_optional;   // kfuncs without which more is refused
};

class KernelTypes;

// Whether dm-verity devices can be followed: the kernel has the hooks, and dm_verity is loaded, or built in.
bool can_follow_volumes(const KernelTypes& types);

// Every error is ErrorKind::Unsupported, or Failed where privileges are missing, and names the mend.
Result<Kernel> probe_kernel();

// What the gate can go by on this kernel, one thing each.
struct Capability {
  std::string name;   // "fs-verity digests"
  std::string lacks;  // what is missing for it; empty where nothing is
};

// In the order of enforcing: what nothing can be proven without comes first. Unreadable types count as lacking all.
std::vector<Capability> capabilities();

}  // namespace bpfgate::gate
