// SPDX-License-Identifier: MIT
#include "gate/boot.h"

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/vfs.h>

#include <algorithm>
#include <optional>
#include <string>

#include "gate/links.h"
#include "gate/pins.h"
#include "gate/policy.h"
#include "gate/seal.h"

namespace bpfgate::gate {
namespace {

constexpr std::string_view blanks = " \t\n";

// Takes the first word off `text`; empty at its end.
std::string_view next_word(std::string_view& text) {
  text.remove_prefix(std::min(text.size(), text.find_first_not_of(blanks)));
  std::string_view word = text.substr(0, text.find_first_of(blanks));
  text.remove_prefix(word.size());
  return word;
}

Result<> mount_unless_there(const char* type, const char* place, long magic, const char* options) {
  struct statfs status = {};
  if (::statfs(place, &status) == 0 && status.f_type == magic) return {};
  if (::mount(type, place, type, MS_NOSUID | MS_NODEV | MS_NOEXEC, options) == 0) return {};
  return fail_errno(std::string("mount ") + place);
}

}  // namespace

std::optional<std::string_view> last_value(std::string_view command_line, std::string_view key) {
  std::optional<std::string_view> value;
  for (std::string_view word = next_word(command_line); !word.empty() && word != "--"; word = next_word(command_line))
    if (word.starts_with(key) && word.substr(key.size()).starts_with('=')) value = word.substr(key.size() + 1);
  return value;
}

Result<BootChoice> boot_choice(std::string_view command_line) {
  std::optional<std::string_view> value = last_value(command_line, "bpfgate");
  if (!value) return BootChoice::AsPolicy;
  if (*value == "off") return BootChoice::Off;
  if (*value == "audit") return BootChoice::Audit;
  if (*value == "enforce") return BootChoice::Enforce;
  return fail(ErrorKind::Invalid, "the kernel's command line has " + printable("bpfgate=" + std::string(*value)),
              "Write bpfgate=off, bpfgate=audit or bpfgate=enforce.");
}

Result<> mount_missing() {
  TRY(mount_unless_there("securityfs", "/sys/kernel/security", SECURITYFS_MAGIC, nullptr));
  return mount_unless_there("bpf", "/sys/fs/bpf", BPF_FS_MAGIC, "mode=700");
}

Result<> check_may_replace(const manifest::Manifest& embedded, const Order& host) {
  if (host.signature.empty())
    return fail(ErrorKind::Refused, "the host's is not signed",
                "Have it signed, with a higher sequence number, or make the initramfs anew.");
  if (host.manifest.mode == manifest::Mode::Off)
    return fail(ErrorKind::Refused, "the host's orders a gate to be taken away, which is for one that runs",
                "To boot without a gate: bpfgate=off on the kernel's command line.");
  TRY_ASSIGN(std::vector<gate_authority> authorities, authorities_in(embedded));
  gate_policy current = {};
  current.sequence = embedded.sequence;
  embedded.name.copy(current.name, sizeof(current.name) - 1);
  return check_authorized(host.manifest, host.signature, current, authorities);
}

bool is_pinned(const std::filesystem::path& pin_directory) {
  return std::ranges::count(pinned_links(find_pins(pin_directory)), anchor_program) != 0;
}

}  // namespace bpfgate::gate
