// SPDX-License-Identifier: MIT
// Private to this room: inode numbers in erofs. It has no shared library; dump.erofs of erofs-utils is asked.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/held_file.h"
#include "base/result.h"

namespace bpfgate::image {

// As inode_numbers() in image/inodes.h; errors name the path alone.
Result<std::vector<uint64_t>> erofs_numbers(const HeldFile& image, std::span<const std::string> paths);

}  // namespace bpfgate::image
