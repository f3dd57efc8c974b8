// SPDX-License-Identifier: MIT
#include "image/metadata.h"

#include <endian.h>

#include <algorithm>
#include <cstring>

#include "image/limits.h"

namespace bpfgate::image {
namespace {

constexpr uint64_t boundary = 65536;
constexpr uint64_t max_descriptor_size = 16384;  // FS_VERITY_MAX_DESCRIPTOR_SIZE: room for a built-in signature
constexpr ptrdiff_t signature_size_offset = 4;   // in a descriptor, where the digest takes it for 0

uint64_t round_up(uint64_t value, uint64_t to) { return (value + to - 1) / to * to; }

uint64_t metadata_block(const FileSystem& file_system, uint64_t file_size) {
  return round_up(file_size, boundary) / file_system.block_size();
}

// Tree, descriptor and its size, in whole blocks.
Bytes layout(const fsverity::Metadata& metadata, uint32_t block_size) {
  const uint64_t descriptor_at = round_up(metadata.tree.size(), block_size);
  Bytes content(descriptor_at + round_up(metadata.descriptor.size() + sizeof(uint32_t), block_size));
  std::ranges::copy(metadata.tree, content.begin());
  std::ranges::copy(metadata.descriptor, content.begin() + static_cast<ptrdiff_t>(descriptor_at));
  const uint32_t size = htole32(static_cast<uint32_t>(metadata.descriptor.size()));
  std::memcpy(content.data() + content.size() - sizeof(size), &size, sizeof(size));
  return content;
}

struct Stored {
  uint64_t block = 0;  // where the descriptor begins
  Bytes descriptor;    // as the digest is made of it
};

Failure no_descriptor(const std::string& why) {
  return fail(ErrorKind::Failed, "has no descriptor of its seal: " + why);
}

// As ext4_get_verity_descriptor_location() finds it.
Result<Stored> find_descriptor(const FileSystem& file_system, InodeNumber number, uint64_t file_size) {
  const uint64_t block_size = file_system.block_size();
  const uint64_t begin = metadata_block(file_system, file_size);
  TRY_ASSIGN(const uint64_t end, file_system.end_of_blocks(number));
  if (end <= begin) return no_descriptor("the file has no blocks behind its end");
  TRY_ASSIGN(Bytes last, file_system.read_blocks(number, end - 1, 1));
  uint32_t size = 0;
  std::memcpy(&size, last.data() + last.size() - sizeof(size), sizeof(size));
  size = le32toh(size);
  if (size < fsverity::descriptor_size || size > max_descriptor_size)
    return no_descriptor("its size is said to be " + std::to_string(size));
  const uint64_t blocks = round_up(size + sizeof(size), block_size) / block_size;
  if (blocks > end - begin) return no_descriptor("there is no room for one");
  TRY_ASSIGN(Bytes content, file_system.read_blocks(number, end - blocks, blocks));
  content.resize(fsverity::descriptor_size);
  uint32_t signature_size = 0;
  std::memcpy(&signature_size, content.data() + signature_size_offset, sizeof(signature_size));
  if (le32toh(signature_size) > size - fsverity::descriptor_size) return no_descriptor("its signature is cut off");
  std::fill_n(content.begin() + signature_size_offset, sizeof(signature_size), 0);
  return Stored{end - blocks, std::move(content)};
}

Result<> compare_tree(const FileSystem& file_system, InodeNumber number, const fsverity::Metadata& computed,
                      uint64_t begin, uint64_t end) {
  const uint64_t block_size = file_system.block_size();
  const uint64_t blocks = round_up(computed.tree.size(), block_size) / block_size;
  if (blocks > end - begin) return fail(ErrorKind::Failed, "has no room for the Merkle tree of its seal");
  for (uint64_t i = 0; i < blocks; ++i) {
    TRY_ASSIGN(const Bytes stored, file_system.read_blocks(number, begin + i, 1));
    const ByteView rest = ByteView(computed.tree).subspan(i * block_size);
    const ByteView wanted = rest.first(std::min<size_t>(rest.size(), block_size));
    if (!std::ranges::equal(wanted, ByteView(stored).first(wanted.size())))
      return fail(ErrorKind::Failed, "block " + std::to_string(i) + " of the Merkle tree of its seal is wrong");
  }
  return {};
}

// What the kernel makes of a descriptor when it opens the file.
Result<fsverity::Parameters> parameters_of(const FileSystem& file_system, const Stored& stored, uint64_t file_size) {
  TRY_ASSIGN(fsverity::Descriptor descriptor, fsverity::parse_descriptor(stored.descriptor));
  if (descriptor.file_size != file_size)
    return fail(ErrorKind::Failed, "has " + std::to_string(file_size) + " bytes, but its seal is of " +
                                       std::to_string(descriptor.file_size));
  if (descriptor.parameters.block_size > file_system.block_size())
    return fail(ErrorKind::Failed, "its seal has blocks of " + std::to_string(descriptor.parameters.block_size) +
                                       " bytes, more than the file system");
  return std::move(descriptor.parameters);
}

Result<fsverity::Metadata> compute(const FileSystem& file_system, InodeNumber number, uint64_t size,
                                   const fsverity::Parameters& parameters) {
  TRY_ASSIGN(fsverity::ContentReader content, file_system.open_content(number));
  return fsverity::compute_metadata(size, parameters, content);
}

bool is_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

// A kernel shows whole pages, of up to 64 KiB, and takes what is behind the file's end in one for zeros: it holds the
// last block to the tree, and those behind it to be empty (verify_data_block() in fs/verity/verify.c).
Result<> check_padding(const FileSystem& file_system, InodeNumber number, uint64_t size) {
  const uint64_t first = size / file_system.block_size();
  TRY_ASSIGN(const Bytes content, file_system.read_blocks(number, first, metadata_block(file_system, size) - first));
  if (content.empty() || is_zero(ByteView(content).subspan(size % file_system.block_size()))) return {};
  return fail(ErrorKind::Failed, "there is something between its end and its seal");
}

Result<> clear_last_block(FileSystem& file_system, InodeNumber number, uint64_t size) {
  const size_t used = size % file_system.block_size();
  if (used == 0) return {};
  const uint64_t block = size / file_system.block_size();
  TRY_ASSIGN(Bytes content, file_system.read_blocks(number, block, 1));
  const std::span<uint8_t> rest = std::span(content).subspan(used);
  if (is_zero(rest)) return {};
  std::ranges::fill(rest, 0);
  return file_system.write_blocks(number, block, content);
}

Result<Seal> hold_against_content(const FileSystem& file_system, InodeNumber number) {
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(number));
  TRY(check_file(file_system, inode));
  const uint64_t size = size_of(inode);
  TRY_ASSIGN(const Stored stored, find_descriptor(file_system, number, size));
  TRY_ASSIGN(fsverity::Parameters parameters, parameters_of(file_system, stored, size));
  TRY_ASSIGN(fsverity::Metadata computed, compute(file_system, number, size, parameters));
  if (computed.descriptor != stored.descriptor)
    return fail(ErrorKind::Failed, "its content is not what was sealed; as it is now it would have the digest " +
                                       to_string(computed.digest));
  TRY(check_padding(file_system, number, size));
  TRY(compare_tree(file_system, number, computed, metadata_block(file_system, size), stored.block));
  return Seal{std::move(computed.digest), std::move(parameters)};
}

}  // namespace

Result<fsverity::Digest> write_seal(FileSystem& file_system, InodeNumber number,
                                    const fsverity::Parameters& parameters) {
  TRY_ASSIGN(const ext2_inode before, file_system.inode(number));
  const uint64_t size = size_of(before);
  TRY_ASSIGN(fsverity::Metadata metadata, compute(file_system, number, size, parameters));
  TRY(clear_last_block(file_system, number, size));
  // Blocks there may be left of a preallocation, and the kernel takes the last ones for the descriptor.
  TRY(file_system.cut(number, round_up(size, file_system.block_size()) / file_system.block_size()));
  TRY(file_system.write_blocks(number, metadata_block(file_system, size), layout(metadata, file_system.block_size())));
  TRY_ASSIGN(ext2_inode after, file_system.inode(number));
  after.i_flags |= EXT4_VERITY_FL;
  after.i_size = before.i_size;
  after.i_size_high = before.i_size_high;
  after.i_atime = before.i_atime;
  after.i_ctime = before.i_ctime;
  after.i_mtime = before.i_mtime;
  TRY(file_system.set_inode(number, after));
  file_system.switch_on_verity();
  return std::move(metadata.digest);
}

Result<Seal> check_seal(const FileSystem& file_system, InodeNumber number) {
  Result<Seal> seal = hold_against_content(file_system, number);
  if (!seal && seal.error().remedy.empty())
    seal.error().remedy = "make the image anew, from files that are known to be good";
  return seal;
}

}  // namespace bpfgate::image
