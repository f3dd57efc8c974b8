// SPDX-License-Identifier: MIT
#include "image/inodes.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <optional>

#include "base/io.h"
#include "image/erofs.h"
#include "image/file_system.h"
#include "image/limits.h"
#include "image/squashfs.h"

namespace bpfgate::image {
namespace {

// Where a file system says what it is, little-endian: struct squashfs_super_block, ext4_super_block, erofs_super_block.
constexpr size_t squashfs_magic_at = 0;
constexpr uint32_t squashfs_magic = 0x73717368;
constexpr size_t ext4_magic_at = 1024 + 56;
constexpr uint16_t ext4_magic = 0xef53;
constexpr size_t erofs_magic_at = 1024;
constexpr uint32_t erofs_magic = 0xe0f5e1e2;
constexpr size_t erofs_features_at = 1024 + 80;
constexpr uint32_t erofs_has_more_devices = 0x8;  // EROFS_FEATURE_INCOMPAT_DEVICE_TABLE

using Head = std::array<uint8_t, 2048>;  // short images end in zeros

template <class Number>
Number number_at(const Head& head, size_t position) {
  Number number = 0;
  for (size_t i = sizeof(Number); i-- > 0;) number = static_cast<Number>(number << 8 | head[position + i]);
  return number;
}

Result<Head> read_head(const std::filesystem::path& image) {
  TRY_ASSIGN(const UniqueFd fd, open_file(image, O_RDONLY));
  Head head = {};
  if (::pread(fd.get(), head.data(), head.size(), 0) < 0) return fail_errno("read " + image.string());
  return head;
}

std::optional<Kind> kind_in(const Head& head) {
  if (number_at<uint32_t>(head, squashfs_magic_at) == squashfs_magic) return Kind::Squashfs;
  if (number_at<uint32_t>(head, erofs_magic_at) == erofs_magic) return Kind::Erofs;
  if (number_at<uint16_t>(head, ext4_magic_at) == ext4_magic) return Kind::Ext4;
  return std::nullopt;
}

Result<> check_ext4(const std::filesystem::path& image) {
  auto opened = FileSystem::open(image, Access::Read);
  if (!opened) return within_image(std::move(opened).error(), image);
  return {};
}

Result<uint64_t> number_in(const FileSystem& file_system, const std::string& path) {
  TRY_ASSIGN(const InodeNumber number, file_system.find(path));
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(number));
  TRY(check_kind(inode));
  return uint64_t{number};
}

Result<std::vector<uint64_t>> ext4_numbers(const std::filesystem::path& image, std::span<const std::string> paths) {
  TRY_ASSIGN(const FileSystem file_system, FileSystem::open(image, Access::Read));
  std::vector<uint64_t> numbers;
  for (const std::string& path : paths) {
    Result<uint64_t> number = number_in(file_system, path);
    if (!number) return Failure(std::move(number).error().within(path));
    numbers.push_back(*number);
  }
  return numbers;
}

Result<std::vector<uint64_t>> numbers_of(Kind kind, const std::filesystem::path& image,
                                         std::span<const std::string> paths) {
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

Result<Kind> check_volume(const std::filesystem::path& image) {
  TRY_ASSIGN(const Head head, read_head(image));
  const std::optional<Kind> kind = kind_in(head);
  if (!kind)
    return fail(ErrorKind::Invalid, image.string() + " is no ext4, squashfs or erofs, and the gate trusts no others",
                "of a disk's image give the partition alone");
  if (*kind == Kind::Ext4) TRY(check_ext4(image));
  if (*kind == Kind::Erofs && (number_at<uint32_t>(head, erofs_features_at) & erofs_has_more_devices) != 0)
    return fail(ErrorKind::Failed, image.string() + " has content on other devices, which no root hash of it covers",
                "make it in one piece: mkfs.erofs without --blobdev");
  return *kind;
}

Result<std::vector<uint64_t>> inode_numbers(const std::filesystem::path& image, std::span<const std::string> paths) {
  TRY_ASSIGN(const Kind kind, check_volume(image));
  Result<std::vector<uint64_t>> numbers = numbers_of(kind, image, paths);
  if (!numbers) return within_image(std::move(numbers).error(), image);
  return numbers;
}

}  // namespace bpfgate::image
