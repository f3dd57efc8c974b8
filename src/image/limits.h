// SPDX-License-Identifier: MIT
// Private to this room: what cannot be sealed offline, and images that had better not be written to.
#pragma once

#include "image/file_system.h"

namespace bpfgate::image {

// Features that sealing would have to keep books of and does not, and Merkle trees that the kernel would not take.
Result<> check_image(const FileSystem& file_system, const fsverity::Parameters& parameters);

// A regular file, or what it is instead.
Result<> check_kind(const ext2_inode& inode);

// What the kernel would not seal either, and says so in fewer words.
Result<> check_file(const FileSystem& file_system, const ext2_inode& inode);

// Blocks are allocated by the bitmap. In a damaged image it may call free what belongs to a file, and sealing one file
// would write over another: so nothing is allocated unless every block in use is in use there, and by one file alone.
Result<> check_block_use(const FileSystem& file_system);

}  // namespace bpfgate::image
