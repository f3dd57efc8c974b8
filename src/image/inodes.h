// SPDX-License-Identifier: MIT
// Images of volumes: what is in them, and by which numbers the kernel will know their files. Nothing is mounted.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/held_file.h"
#include "base/result.h"

namespace bpfgate::image {

// The file systems that the gate trusts on a dm-verity device.
enum class Kind { Ext4, Squashfs, Erofs };

std::string_view name_of(Kind kind);  // "ext4", "squashfs", "erofs"

// What is in the image, if it can be a volume: ErrorKind::Invalid where it is another file system, more than one, or a
// whole disk; and ErrorKind::Failed where it is larger than the `covered` bytes that a root hash is of, takes content
// from elsewhere, or is an ext4 that could not be mounted read-only as it is.
Result<Kind> check_volume(const HeldFile& image, uint64_t covered);

// The numbers that stat(2) will show of these regular files, in their order. Paths are absolute and without . and ..;
// those of squashfs and erofs lead over no symbolic link. Tools and libraries that are not there are
// ErrorKind::Unsupported. An image that was written to since it was opened is ErrorKind::Failed.
Result<std::vector<uint64_t>> inode_numbers(const HeldFile& image, uint64_t covered,
                                            std::span<const std::string> paths);

}  // namespace bpfgate::image
