// SPDX-License-Identifier: MIT
// At boot: what the kernel's command line asks for, and which of two policies counts.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "base/result.h"
#include "gate/gate.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// AsPolicy: nothing is asked for; the policy says what the gate does.
enum class BootChoice { AsPolicy, Off, Audit, Enforce };

// What stands behind "KEY=" in the last such word of a text like /proc/cmdline, as with the kernel's own parameters;
// what stands behind "--" is for init. Part of the text.
std::optional<std::string_view> last_value(std::string_view command_line, std::string_view key);

// "bpfgate=off", "audit" or "enforce" in the text of /proc/cmdline. Any other word is ErrorKind::Invalid, and must not
// be taken for off.
Result<BootChoice> boot_choice(std::string_view command_line);

// What a load wants mounted, and an initramfs has not: securityfs and the BPF file system, at their usual places.
Result<> mount_missing();

// Whether a policy may take the place of the one in the initramfs, which is what the boot loader vouches for: signed by
// a signer of manifests that `embedded` names, of the same name, with a higher sequence number, and not to take the
// gate away. If not: ErrorKind::Refused.
Result<> check_may_replace(const manifest::Manifest& embedded, const Order& host);

// Whether what is pinned there may be a gate that decides, whoever it answers: for those who would do without one.
bool is_pinned(const std::filesystem::path& pin_directory);

}  // namespace bpfgate::gate
