// SPDX-License-Identifier: MIT
// Images of volumes: what is in them, and by which numbers the kernel will know their files. Nothing is mounted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfgate::image {

// The file systems that the gate trusts on a dm-verity device.
enum class Kind { Ext4, Squashfs, Erofs };

std::string_view name_of(Kind kind);  // "ext4", "squashfs", "erofs"

// What is in the image, if it can be a volume: ErrorKind::Invalid where it is another file system, or a whole disk; and
// ErrorKind::Failed where it could not be mounted read-only as it is, or takes content from elsewhere.
Result<Kind> check_volume(const std::filesystem::path& image);

// The numbers that stat(2) will show of these regular files, in their order. Paths are absolute and without . and ..;
// those of squashfs and erofs lead over no symbolic link. Tools and libraries that are not there are
// ErrorKind::Unsupported.
Result<std::vector<uint64_t>> inode_numbers(const std::filesystem::path& image, std::span<const std::string> paths);

}  // namespace bpfgate::image
