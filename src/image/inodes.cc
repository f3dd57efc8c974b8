// SPDX-License-Identifier: MIT
#include "image/inodes.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "image/erofs.h"
#include "image/file_system.h"
#include "image/limits.h"
#include "image/squashfs.h"

namespace bpfgate::image {
namespace {

// Where a file system says what it is, little-endian: struct squashfs_super_block, ext4_super_block, erofs_super_block.
constexpr size_t squashfs_magic_at = 0;
constexpr uint32_t squashfs_magic = 0x73717368;
constexpr size_t squashfs_size_at = 40;
constexpr size_t ext4_magic_at = 1024 + 56;
constexpr uint16_t ext4_magic = 0xef53;
constexpr size_t ext4_block_bits_at = 1024 + 24;
constexpr uint32_t max_ext4_block_bits = 6;  // above 1024 bytes; the kernel mounts no other
constexpr size_t erofs_magic_at = 1024;
constexpr uint32_t erofs_magic = 0xe0f5e1e2;
constexpr size_t erofs_block_bits_at = 1024 + 12;
constexpr size_t erofs_blocks_at = 1024 + 36;
constexpr size_t erofs_features_at = 1024 + 80;
constexpr uint32_t erofs_has_more_devices = 0x8;  // EROFS_FEATURE_INCOMPAT_DEVICE_TABLE

using Head = std::array<uint8_t, 2048>;  // short images end in zeros

template <class Number>
Number number_at(const Head& head, size_t position) {
  Number number = 0;
  for (size_t i = sizeof(Number); i-- > 0;) number = static_cast<Number>(number << 8 | head[position + i]);
  return number;
}

Result<Head> read_head(const HeldFile& image, uint64_t covered) {
  Head head = {};
  const size_t size = static_cast<size_t>(std::min<uint64_t>(covered, head.size()));
  if (::pread(image.fd(), head.data(), size, 0) < 0) return fail_errno("read " + image.name());
  return head;
}

// Two bytes alone are soon there by chance: the content of a squashfs is as good as random.
bool is_ext4(const Head& head) {
  return number_at<uint16_t>(head, ext4_magic_at) == ext4_magic &&
         number_at<uint32_t>(head, ext4_block_bits_at) <= max_ext4_block_bits;
}

std::vector<Kind> kinds_in(const Head& head) {
  std::vector<Kind> kinds;
  if (is_ext4(head)) kinds.push_back(Kind::Ext4);
  if (number_at<uint32_t>(head, squashfs_magic_at) == squashfs_magic) kinds.push_back(Kind::Squashfs);
  if (number_at<uint32_t>(head, erofs_magic_at) == erofs_magic) kinds.push_back(Kind::Erofs);
  return kinds;
}

// Whoever mounts it decides which it is; the numbers would be those of the files of one, and the root hash is of all.
Failure ambiguous(const HeldFile& image, const std::vector<Kind>& kinds) {
  return fail(ErrorKind::Invalid,
              image.name() + " is a file system of two kinds, " + std::string(name_of(kinds[0])) + " and " +
                  std::string(name_of(kinds[1])),
              "make it anew, on a file or a device that has nothing of an older one (wipefs)");
}

Result<uint64_t> ext4_size(const HeldFile& image) {
  auto opened = FileSystem::open(image.path(), Access::Read);
  if (!opened) return within_image(std::move(opened).error(), image.name());
  return opened->size();
}

// What the superblock says; of blocks of a size that cannot be, more than any image has.
uint64_t erofs_size(const Head& head) {
  const unsigned bits = head[erofs_block_bits_at];
  const uint64_t blocks = number_at<uint32_t>(head, erofs_blocks_at);
  return bits < 32 ? blocks << bits : UINT64_MAX;
}

Result<uint64_t> size_of(Kind kind, const HeldFile& image, const Head& head) {
  switch (kind) {
    case Kind::Ext4:
      return ext4_size(image);
    case Kind::Squashfs:
      return number_at<uint64_t>(head, squashfs_size_at);
    case Kind::Erofs:
      return erofs_size(head);
  }
  return fail(ErrorKind::Unsupported, "unknown file system");
}

Result<> check_size(Kind kind, const HeldFile& image, const Head& head, uint64_t covered) {
  TRY_ASSIGN(const uint64_t size, size_of(kind, image, head));
  if (size <= covered) return {};
  return fail(ErrorKind::Failed,
              image.name() + " has " + std::to_string(covered) + " bytes of a file system of " + std::to_string(size),
              "it was cut off; make it anew");
}

Result<uint64_t> number_in(const FileSystem& file_system, const std::string& path) {
  TRY_ASSIGN(const InodeNumber number, file_system.find(path));
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(number));
  TRY(check_kind(inode));
  return uint64_t{number};
}

Result<std::vector<uint64_t>> ext4_numbers(const HeldFile& image, std::span<const std::string> paths) {
  TRY_ASSIGN(const FileSystem file_system, FileSystem::open(image.path(), Access::Read));
  std::vector<uint64_t> numbers;
  for (const std::string& path : paths) {
    Result<uint64_t> number = number_in(file_system, path);
    if (!number) return Failure(std::move(number).error().within(path));
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::vector<uint64_t>> numbers_of(Kind kind, const HeldFile& image, std::span<const std::string> paths) {
  switch (kind) {
    case Kind::Ext4:
      return ext4_numbers(image, paths);
    case Kind::Squashfs:
      return squashfs_numbers(image, paths);
    case Kind::Erofs:
      return erofs_numbers(image, paths);
  }
  return fail(ErrorKind::Unsupported, "unknown file system");
}

}  // namespace

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, 3> names = {"ext4", "squashfs", "erofs"};
  return names.at(static_cast<size_t>(kind));
}

Result<Kind> check_volume(const HeldFile& image, uint64_t covered) {
  TRY_ASSIGN(const Head head, read_head(image, covered));
  const std::vector<Kind> kinds = kinds_in(head);
  if (kinds.empty())
    return fail(ErrorKind::Invalid, image.name() + " is no ext4, squashfs or erofs, and the gate trusts no others",
                "of a disk's image give the partition alone");
  if (kinds.size() > 1) return ambiguous(image, kinds);
  const Kind kind = kinds.front();
  TRY(check_size(kind, image, head, covered));
  if (kind == Kind::Erofs && (number_at<uint32_t>(head, erofs_features_at) & erofs_has_more_devices) != 0)
    return fail(ErrorKind::Failed, image.name() + " has content on other devices, which no root hash of it covers",
                "make it in one piece: mkfs.erofs without --blobdev");
  return kind;
}

Result<std::vector<uint64_t>> inode_numbers(const HeldFile& image, uint64_t covered,
                                            std::span<const std::string> paths) {
  TRY_ASSIGN(const Kind kind, check_volume(image, covered));
  Result<std::vector<uint64_t>> numbers = numbers_of(kind, image, paths);
  if (!numbers) return within_image(std::move(numbers).error(), image.name());
  TRY(image.check_unchanged());
  return numbers;
}

}  // namespace bpfgate::image
