// SPDX-License-Identifier: MIT
// The gate by its links: whoever holds them keeps it attached, pins or no pins, and can find everything else of it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate::gate {

// A link that is held open. `program` is the name of the program it attaches.
struct Link {
  std::string program;
  UniqueFd fd;
};

// Every pinned link. No pins is an empty list. Where the gate refuses the caller it is ErrorKind::Refused.
Result<std::vector<Link>> open_links(const std::filesystem::path& pin_directory);

// What a descriptor attaches, by the kernel's word: ErrorKind::Invalid for one that is no link.
Result<std::string> program_of_link(int link);

// A map that the link's program uses, by its name. For administrators. An absent one is ErrorKind::Failed.
Result<UniqueFd> map_of_link(int link, const std::string& name);

// Names of the links in `held` that are not pinned any more.
std::vector<std::string> unpinned(const std::vector<Link>& held, const std::filesystem::path& pin_directory);

}  // namespace bpfgate::gate
