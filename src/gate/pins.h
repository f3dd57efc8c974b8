// SPDX-License-Identifier: MIT
// The gate's objects in bpffs: PIN_DIRECTORY/links/HOOK and PIN_DIRECTORY/maps/NAME.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gate_abi.h"

namespace bpfgate::gate {

std::filesystem::path link_path(const std::filesystem::path& pin_directory, const std::string& program);
std::filesystem::path map_path(const std::filesystem::path& pin_directory, const std::string& map);

// Whether there is anything of that name. Leaves errno alone.
bool is_there(const std::filesystem::path& path);

// Where the gate's pins are: at `pin_directory`, or, when the file system has been moved, in a directory of the same
// name on another mounted bpffs. `pin_directory` itself where there are none.
std::filesystem::path find_pins(const std::filesystem::path& pin_directory);

// Refuses a directory that is not on a bpffs, with the mount command as the mend.
Result<> check_is_bpffs(const std::filesystem::path& directory);

Result<> make_pin_directories(const std::filesystem::path& pin_directory);

// Names of the pinned links. An absent directory has none.
std::vector<std::string> pinned_links(const std::filesystem::path& pin_directory);

// Ids of the programs that are attached by the pinned links.
Result<std::vector<uint32_t>> pinned_programs(const std::filesystem::path& pin_directory);

// Waits until none of these programs exists any more: the kernel detaches some time after the last reference to a link
// has gone. ErrorKind::Failed after five seconds: somebody else holds one.
Result<> wait_until_gone(const std::vector<uint32_t>& programs);

// Unlinks every pin and the directories. Absent is success.
Result<> remove_pins(const std::filesystem::path& pin_directory);
Result<> remove_link_pins(const std::filesystem::path& pin_directory);

// A descriptor of a pinned map. Where the gate refuses the caller it is ErrorKind::Refused.
Result<UniqueFd> open_map(const std::filesystem::path& pin_directory, const std::string& map);

// The same for a pinned link.
Result<UniqueFd> open_link(const std::filesystem::path& pin_directory, const std::string& program);

// One program at a time changes what is pinned. The lock goes with the returned descriptor.
Result<UniqueFd> lock_pins();

}  // namespace bpfgate::gate
