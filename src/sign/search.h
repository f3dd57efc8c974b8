// SPDX-License-Identifier: MIT
// Private to this room: text in files of any size.
#pragma once

#include <optional>
#include <span>
#include <string>

#include "base/result.h"

namespace bpfgate::sign {

// One of the texts that the file has, by its place among them; of several the one that comes first in the list, as far
// as they are near each other in the file.
Result<std::optional<size_t>> find_any(int fd, std::span<const std::string> texts);

}  // namespace bpfgate::sign
