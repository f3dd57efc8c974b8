// SPDX-License-Identifier: MIT
// What a file system keeps beside a sealed file: the Merkle tree and the descriptor that the digest is the hash of. The
// kernel makes both where it seals a file; who seals one without the kernel needs them in hand.
#pragma once

#include <functional>
#include <span>

#include "fsverity/fsverity.h"

namespace bpfgate::fsverity {

struct Metadata {
  Digest digest;
  Bytes tree;        // all levels in the order of FS_IOC_READ_VERITY_METADATA; empty for files of up to one block
  Bytes descriptor;  // struct fsverity_descriptor, without a built-in signature
};

// Hands out the content from its beginning on: fills the buffer, or says why that cannot be.
using ContentReader = std::function<Result<>(std::span<uint8_t> buffer)>;

// Computes them for a file of `size` bytes. The tree is held in memory: a 127th of the file with SHA-256 and blocks of
// 4096 bytes, more with smaller ones. Whatever the reader fails with is returned.
Result<Metadata> compute_metadata(uint64_t size, const Parameters& parameters, const ContentReader& read);

inline constexpr size_t descriptor_size = 256;

struct Descriptor {
  Parameters parameters;
  uint64_t file_size = 0;
};

// What a descriptor says. A descriptor that the kernel would not take (fsverity_init_info in fs/verity/open.c) is
// ErrorKind::Failed; an algorithm of a later kernel ErrorKind::Unsupported.
Result<Descriptor> parse_descriptor(ByteView descriptor);

}  // namespace bpfgate::fsverity
