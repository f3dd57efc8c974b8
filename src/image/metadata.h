// SPDX-License-Identifier: MIT
// Private to this room: a seal as it lies in ext4 (fs/ext4/verity.c). Behind the end of the file, at the next boundary
// of 64 KiB, comes the Merkle tree; at the next block the descriptor; and the last four bytes of that block are the
// descriptor's size, little-endian. So it is found from the file's last block, and its size does not count it.
#pragma once

#include "image/file_system.h"

namespace bpfgate::image {

// Writes the seal of a file that has none, and that check_file() lets pass. Half done it leaves the image half done.
Result<fsverity::Digest> write_seal(FileSystem& file_system, InodeNumber number,
                                    const fsverity::Parameters& parameters);

struct Seal {
  fsverity::Digest digest;  // as the kernel measures it
  fsverity::Parameters parameters;
};

// Reads the seal and holds it against the content, block by block. Whatever would make a kernel refuse the file, or a
// part of it, is ErrorKind::Failed.
Result<Seal> check_seal(const FileSystem& file_system, InodeNumber number);

}  // namespace bpfgate::image
