// SPDX-License-Identifier: MIT
// The gate's links in bpffs: PIN_DIRECTORY/links/PROGRAM; and PIN_DIRECTORY/gate_marks, a program that is not attached.
// Maps are not pinned: they are found by a link (gate/links.h).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate::gate {

std::filesystem::path link_path(const std::filesystem::path& pin_directory, const std::string& program);

// Whether there is anything of that name. Leaves errno alone.
bool is_there(const std::filesystem::path& path);

// Where the gate's pins are: at `pin_directory`, or, when the file system has been moved, in a directory of the same
// name on another mounted bpffs. `pin_directory` itself where there are none.
std::filesystem::path find_pins(const std::filesystem::path& pin_directory);

// Refuses a directory that is not on a bpffs, with the mount command as the mend.
Result<> check_is_bpffs(const std::filesystem::path& directory);

Result<> make_pin_directories(const std::filesystem::path& pin_directory);

// A pin directory, held open: what is done to it is done to the one that was looked at, whatever its path leads to by
// then. An administrator works for root, and root arranges mounts and symbolic links. Move-only.
class PinDirectory {
 public:
  // nullopt where there is none. One that is put together by mounts or links is ErrorKind::Refused.
  static Result<std::optional<PinDirectory>> open(const std::filesystem::path& pin_directory);

  // Names of the pinned links, sorted.
  [[nodiscard]] Result<std::vector<std::string>> names() const;
  // Where the gate refuses the caller it is ErrorKind::Refused.
  [[nodiscard]] Result<UniqueFd> open_link(const std::string& program) const;
  // Of a program that is pinned itself, beside the links. The same.
  [[nodiscard]] Result<UniqueFd> open_program(const std::string& program) const;
  // Ids of the programs that are attached by the links.
  [[nodiscard]] Result<std::vector<uint32_t>> programs() const;
  // Locks it, for as long as it is open here; ErrorKind::Failed where somebody else has. Only root can open it, where
  // anybody has descriptors that share an inode with those of links.
  [[nodiscard]] Result<> lock() const;
  // Unlinks every pin, that by which a gate is found as the last, and the directories.
  Result<> remove();

 private:
  PinDirectory(std::filesystem::path path, UniqueFd top, UniqueFd links)
      : path_(std::move(path)), top_(std::move(top)), links_(std::move(links)) {}

  std::filesystem::path path_;  // as it was called
  UniqueFd top_;
  UniqueFd links_;  // absent when a load was killed early
};

// The ids of all BPF programs of the machine, whosever they are.
Result<std::vector<uint32_t>> programs_present();

// Waits until none of these programs exists any more: the kernel detaches some time after the last reference to a link
// has gone. ErrorKind::Failed after half a minute: somebody else holds one.
Result<> wait_until_gone(const std::vector<uint32_t>& programs);

// Names of the pinned links. An absent directory has none.
std::vector<std::string> pinned_links(const std::filesystem::path& pin_directory);

// One program at a time changes what is pinned. The lock goes with the returned descriptor.
Result<UniqueFd> lock_pins();

}  // namespace bpfgate::gate
