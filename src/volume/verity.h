// SPDX-License-Identifier: MIT
// Hash trees of dm-verity, in the form of veritysetup(8): a superblock, and behind it the tree. Images and trees are
// files or block devices. Only open() needs root.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/held_file.h"
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
// So many bytes of the image the root hash is of; ErrorKind::Invalid where the superblock says there are more than can
// be.
Result<uint64_t> covered_size(const Tree& tree);

// What a tree is held to.
struct RootHash {
  Bytes value;
  std::string algorithm = {};  // empty: whatever the superblock says
};

// Writes the tree of an image, and then its root hash in hexadecimal digits, to files of their own; what is there under
// these names is replaced when both are on the disk. A failure leaves them as they were; but when it comes between the
// two renames, the tree is new and the root hash is not, and nothing takes the one for the other. An image that is no
// regular file, or no multiple of its blocks, is ErrorKind::Invalid. Salt and UUID given, the bytes are the same in
// each run.
Result<Tree> format(const std::filesystem::path& image, const std::filesystem::path& tree,
                    const std::filesystem::path& root_hash, const TreeParameters& parameters);

// Reads all of image and tree, and holds them to the root hash. What does not fit is ErrorKind::Failed, and so is a
// file that is longer or shorter than what the root hash is of; of a device more may be there. The superblock itself is
// under no root hash: whoever writes one can choose a level of the tree for the content. Nobody has chosen what is in
// that, but whoever relies on the content has to see that it is a file system (image::check_volume()).
Result<Tree> check(const HeldFile& image, const HeldFile& tree, const RootHash& root_hash);

struct Opening {
  std::filesystem::path image;
  std::filesystem::path tree;
  RootHash root_hash;
  std::optional<Bytes> signature;  // of the root hash, for the kernel to verify
  std::string name;                // the device becomes /dev/mapper/NAME
};

struct Opened {
  Tree tree;
  // What libcryptsetup says although the device is there: that a block was read already, and does not fit. Mostly
  // empty.
  std::string complaint;
};

// Activates the volume, read-only. That the content fits the root hash the kernel finds out block by block.
Result<Opened> open(const Opening& opening);

}  // namespace bpfgate::volume
