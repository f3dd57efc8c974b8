// SPDX-License-Identifier: MIT
// Private to this room: inode numbers in squashfs, by libsquashfs of squashfs-tools-ng, loaded where it is needed.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/held_file.h"
#include "base/result.h"

namespace bpfgate::image {

// As inode_numbers() in image/inodes.h; errors name the path alone.
Result<std::vector<uint64_t>> squashfs_numbers(const HeldFile& image, std::span<const std::string> paths);

}  // namespace bpfgate::image
