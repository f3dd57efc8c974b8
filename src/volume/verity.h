// SPDX-License-Identifier: MIT
// Hash trees of dm-verity, in the form of veritysetup(8): a superblock, and behind it the tree. Images and trees are
// files or block devices. Only open() needs root.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "fsverity/fsverity.h"

namespace bpfgate::volume {

inline constexpr size_t max_salt_size = 256;  // of the superblock's field

struct TreeParameters {
  fsverity::Algorithm algorithm = fsverity::Algorithm::Sha256;
  uint32_t data_block_size = 4096;
  uint32_t hash_block_size = 4096;
  std::optional<Bytes> salt = {};  // none: 32 random bytes
  std::string uuid = {};           // empty: a random one
};

// What the superblock of a tree says, and what the tree comes to.
struct Tree {
  std::string algorithm;  // as the kernel calls it: "sha256"
  uint32_t data_block_size = 0;
  uint32_t hash_block_size = 0;
  uint64_t data_blocks = 0;
  Bytes salt;
  std::string uuid;
  Bytes root_hash;
};
std::string root_hash_text(const Tree& tree);  // "sha256:HEX"

// Writes the tree of an image, and then its root hash in hexadecimal digits, to files of their own; what is there under
// these names is replaced. A failure leaves both as they were, but for one: when the last 64 or 128 bytes cannot be
// written, the tree is new and the root hash is not, and nothing takes the one for the other. An image that is no
// regular file, or no multiple of its blocks, is ErrorKind::Invalid. Salt and UUID given, the bytes are the same in
// each run.
Result<Tree> format(const std::filesystem::path& image, const std::filesystem::path& tree,
                    const std::filesystem::path& root_hash, const TreeParameters& parameters);

// Reads all of image and tree, and holds them to the root hash. What does not fit is ErrorKind::Failed.
Result<Tree> check(const std::filesystem::path& image, const std::filesystem::path& tree, ByteView root_hash);

struct Opening {
  std::filesystem::path image;
  std::filesystem::path tree;
  Bytes root_hash;
  std::optional<Bytes> signature;  // of the root hash, for the kernel to verify
  std::string name;                // the device becomes /dev/mapper/NAME
};

// Activates the volume, read-only. That the content fits the root hash the kernel finds out block by block.
Result<Tree> open(const Opening& opening);

}  // namespace bpfgate::volume
