// SPDX-License-Identifier: MIT
// At boot: what the kernel's command line asks for, and which of two policies counts.
#pragma once

#include <string_view>

#include "base/result.h"
#include "gate/gate.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// AsPolicy: nothing is asked for; the policy says what the gate does.
enum class BootChoice { AsPolicy, Off, Audit, Enforce };

// "bpfgate=off", "audit" or "enforce" in the text of /proc/cmdline. The last one counts, as with the kernel's own
// parameters; what stands behind "--" is for init. Any other word is ErrorKind::Invalid, and must not be taken for off.
Result<BootChoice> boot_choice(std::string_view command_line);

// What a load wants mounted, and an initramfs has not: securityfs and the BPF file system, at their usual places.
Result<> mount_missing();

// Whether a policy may take the place of the one in the initramfs, which is what the boot loader vouches for: signed by
// a signer of manifests that `embedded` names, of the same name, with a higher sequence number. If not:
// ErrorKind::Refused.
Result<> check_may_replace(const manifest::Manifest& embedded, const Order& host);

}  // namespace bpfgate::gate
