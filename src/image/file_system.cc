// SPDX-License-Identifier: MIT
#include "image/file_system.h"

#include <algorithm>
#include <bit>

#include "base/malloced.h"

namespace bpfgate::image {
namespace {

constexpr const char* repair = "repair it with e2fsck -f, and look at what that says";

Failure open_failure(const Library& library, errcode_t code) {
  switch (code) {
    case EXT2_ET_BAD_MAGIC:
    case EXT2_ET_SHORT_READ:
      return fail(
          ErrorKind::Invalid, "no ext4 file system",
          "of a whole disk's image say with --offset where the partition begins; other file systems than ext4 cannot "
          "be sealed offline");
    case EXT2_ET_UNSUPP_FEATURE:
    case EXT2_ET_RO_UNSUPP_FEATURE:
    case EXT2_ET_REV_TOO_HIGH:
      return fail(ErrorKind::Unsupported, "has features that this libext2fs does not know",
                  "use a newer one, or make the file system without them");
    default: {
      Failure failure = library.failure("open the file system", code);
      Error error = std::move(failure).error();
      if (code > 255) error.remedy = repair;  // below, they are the system's
      return Failure(std::move(error));
    }
  }
}

Failure damaged(Failure failure) {
  Error error = std::move(failure).error();
  error.remedy = repair;
  return Failure(std::move(error));
}

struct FileCloser {
  const Library* library;
  void operator()(ext2_file_t file) const { library->ext2fs_file_close(file); }
};
using FileHandle = std::unique_ptr<struct ext2_file, FileCloser>;

struct ExtentCloser {
  const Library* library;
  void operator()(ext2_extent_handle_t handle) const { library->ext2fs_extent_free(handle); }
};
using ExtentHandle = std::unique_ptr<struct ext2_extent_handle, ExtentCloser>;

struct XattrCloser {
  const Library* library;
  void operator()(ext2_xattr_handle* handle) const { library->ext2fs_xattrs_close(&handle); }
};
using XattrHandle = std::unique_ptr<ext2_xattr_handle, XattrCloser>;

struct ScanCloser {
  const Library* library;
  void operator()(ext2_inode_scan scan) const { library->ext2fs_close_inode_scan(scan); }
};
using ScanHandle = std::unique_ptr<struct ext2_struct_inode_scan, ScanCloser>;

// libext2fs looks for attributes only where the superblock announces some. The kernel looks everywhere, and announces
// them with the first that it writes (ext4_xattr_update_super_block() in fs/ext4/xattr.c).
errcode_t open_unannounced(const FileSystem& file_system, InodeNumber number, ext2_xattr_handle** handle) {
  ext2_super_block* super = file_system.get()->super;
  const bool is_announced = ext2fs_has_feature_xattr(super) != 0;
  ext2fs_set_feature_xattr(super);
  errcode_t code = file_system.library().ext2fs_xattrs_open(file_system.get(), number, handle);
  if (!is_announced) ext2fs_clear_feature_xattr(super);
  return code;
}

Result<XattrHandle> open_xattrs(const FileSystem& file_system, InodeNumber number) {
  const Library& library = file_system.library();
  ext2_xattr_handle* raw = nullptr;
  if (errcode_t code = open_unannounced(file_system, number, &raw); code != 0)
    return library.failure("open the extended attributes", code);
  XattrHandle handle(raw, XattrCloser{&library});
  if (errcode_t code = library.ext2fs_xattrs_read(handle.get()); code != 0)
    return damaged(library.failure("read the extended attributes", code));
  return handle;
}

Failure allocation_failure(const Library& library, const std::string& what, errcode_t code) {
  if (code != EXT2_ET_BLOCK_ALLOC_FAIL && code != ENOSPC) return library.failure(what, code);
  return Failure(Error{ErrorKind::Failed, what + ": the file system in the image is full",
                       "make it larger: truncate -s SIZE, then resize2fs", ENOSPC});
}

// The smallest inodes with room for the attribute behind their fields, where all of a file's attributes begin.
uint64_t inode_size_for(const char* name, size_t value_size) {
  const size_t entry = EXT2_EXT_ATTR_LEN(std::string_view(name).substr(std::string_view(name).find('.') + 1).size());
  const size_t ends = 2 * sizeof(uint32_t);  // a magic number before all entries, zeros behind
  return std::bit_ceil(sizeof(ext2_inode_large) + ends + entry + EXT2_EXT_ATTR_SIZE(value_size));
}

Failure no_room_for_xattr(const FileSystem& file_system, const char* name, size_t value_size) {
  const std::string what = std::string("no room for ") + name + " among the file's extended attributes";
  const uint64_t wanted = inode_size_for(name, value_size);
  if (wanted <= file_system.super().s_inode_size || wanted > file_system.block_size())
    return fail(ErrorKind::Failed, what,
                "they share its inode and one block of " + std::to_string(file_system.block_size()) +
                    " bytes: take others away, or sign with a smaller key");
  return fail(ErrorKind::Failed, what,
              "make the file system with larger inodes, mkfs.ext4 -I " + std::to_string(wanted) +
                  ", or take other attributes away");
}

// What libext2fs is to take for now. 0 would mean the real time; an image of that very second gets the next one.
time_t time_of_last_write(const ext2_super_block& super) {
  return std::max<time_t>(1, static_cast<time_t>(uint64_t{super.s_wtime_hi} << 32 | super.s_wtime));
}

// As the kernel reads a path: several slashes are one. libext2fs looks for a file without a name between two.
std::string from_root(const std::string& path) {
  std::string whole = "/";
  for (char c : path)
    if (c != '/' || !whole.ends_with('/')) whole += c;
  return whole;
}

}  // namespace

Failure within_image(Error error, const std::filesystem::path& image) {
  for (const char* end : {": ", " "})
    if (error.message.starts_with(image.string() + end)) return Failure(std::move(error));
  return Failure(std::move(error).within(image.string()));
}

Result<> FileSystem::check_state() const {
  ext2_super_block* super = handle_->super;
  if (super->s_rev_level == EXT2_GOOD_OLD_REV || ext2fs_has_feature_journal_dev(super) != 0)
    return fail(ErrorKind::Invalid, "no ext4 file system", "make it with mkfs.ext4");
  if (ext2fs_has_feature_journal_needs_recovery(super) != 0)
    return fail(ErrorKind::Failed, "its journal waits to be replayed: it is mounted, or was not unmounted",
                "unmount it, or replay the journal with e2fsck -fp");
  if ((super->s_state & EXT2_VALID_FS) == 0 || (super->s_state & EXT2_ERROR_FS) != 0 || super->s_last_orphan != 0)
    return fail(ErrorKind::Failed, "was not unmounted, or has errors", repair);
  return {};
}

Result<FileSystem> FileSystem::open(const std::filesystem::path& image, Access access, uint64_t offset) {
  TRY_ASSIGN(const Library* loaded, image::library());
  std::error_code unknown;  // of a device
  const uint64_t there = std::filesystem::file_size(image, unknown);
  if (!unknown && offset > there)
    return fail(ErrorKind::Invalid, "has only " + std::to_string(there) + " bytes, and no file system at the offset",
                "give the first byte of a partition: its first sector times the size of a sector");
  // Options that are given keep libext2fs from looking for some behind a question mark in the name. The multiple mount
  // protection would write a random number into a copy that nobody else has.
  const std::string options = "offset=" + std::to_string(offset);
  const int flags = EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP | (access == Access::Write ? EXT2_FLAG_RW : 0);
  ext2_filsys raw = nullptr;
  errcode_t code = loaded->ext2fs_open2(image.c_str(), options.c_str(), flags, 0, 0, loaded->unix_io, &raw);
  if (code != 0) return open_failure(*loaded, code);
  FileSystem file_system(loaded, Handle(raw, Closer{loaded}));
  if (!unknown && there - offset < file_system.size())
    return fail(
        ErrorKind::Failed,
        "has " + std::to_string(there - offset) + " bytes of a file system of " + std::to_string(file_system.size()),
        "it was cut off; make it anew");
  TRY(file_system.check_state());
  if (access == Access::Read) return file_system;
  raw->now = time_of_last_write(*raw->super);
  TRY(file_system.read_bitmaps());
  return file_system;
}

Result<> FileSystem::read_bitmaps() {
  if (errcode_t code = library_->ext2fs_read_bitmaps(get()); code != 0)
    return damaged(library_->failure("read the bitmaps", code));
  return {};
}

Result<InodeNumber> FileSystem::find(const std::string& path) const {
  ext2_ino_t number = 0;
  errcode_t code = library_->ext2fs_namei(get(), EXT2_ROOT_INO, EXT2_ROOT_INO, from_root(path).c_str(), &number);
  if (code == EXT2_ET_FILE_NOT_FOUND || code == EXT2_ET_NO_DIRECTORY)
    return fail(ErrorKind::Failed, "there is no such file in the image", "paths begin at the root of the image");
  if (code != 0) return damaged(library_->failure("find it", code));
  return number;
}

Result<ext2_inode> FileSystem::inode(InodeNumber number) const {
  ext2_inode inode = {};
  if (errcode_t code = library_->ext2fs_read_inode(get(), number, &inode); code != 0)
    return damaged(library_->failure("read the inode", code));
  return inode;
}

Result<> FileSystem::set_inode(InodeNumber number, ext2_inode inode) {
  if (errcode_t code = library_->ext2fs_write_inode(get(), number, &inode); code != 0)
    return library_->failure("write the inode", code);
  return {};
}

Result<> FileSystem::for_each_inode(const InodeVisitor& visit) const {
  ext2_inode_scan raw = nullptr;
  if (errcode_t code = library_->ext2fs_open_inode_scan(get(), 0, &raw); code != 0)
    return damaged(library_->failure("read the inodes", code));
  ScanHandle scan(raw, ScanCloser{library_});
  for (;;) {
    ext2_ino_t number = 0;
    ext2_inode inode = {};
    if (errcode_t code = library_->ext2fs_get_next_inode(scan.get(), &number, &inode); code != 0)
      return damaged(library_->failure("read the inodes", code));
    if (number == 0) return {};
    if (inode.i_links_count != 0) TRY(visit(number, inode));
  }
}

Result<fsverity::ContentReader> FileSystem::open_content(InodeNumber number) const {
  ext2_file_t raw = nullptr;
  if (errcode_t code = library_->ext2fs_file_open(get(), number, 0, &raw); code != 0)
    return damaged(library_->failure("open the file", code));
  std::shared_ptr<struct ext2_file> file = FileHandle(raw, FileCloser{library_});
  return fsverity::ContentReader([library = library_, file](std::span<uint8_t> buffer) -> Result<> {
    while (!buffer.empty()) {
      unsigned int count = 0;
      const auto wanted = static_cast<unsigned int>(std::min(buffer.size(), size_t{1} << 20));
      if (errcode_t code = library->ext2fs_file_read(file.get(), buffer.data(), wanted, &count); code != 0)
        return damaged(library->failure("read the file", code));
      if (count == 0) return fail(ErrorKind::Failed, "the file ends before its size", repair);
      buffer = buffer.subspan(count);
    }
    return {};
  });
}

// 0 for a hole, and for blocks that count as zeros because nothing was written to them.
Result<uint64_t> FileSystem::locate(InodeNumber number, uint64_t block) const {
  blk64_t place = 0;
  int flags = 0;
  errcode_t code = library_->ext2fs_bmap2(get(), number, nullptr, nullptr, 0, block, &flags, &place);
  if (code != 0) return damaged(library_->failure("find the file's blocks", code));
  if (place >= block_count()) return fail(ErrorKind::Failed, "a block of it is outside of the file system", repair);
  return (flags & BMAP_RET_UNINIT) != 0 ? 0 : uint64_t{place};
}

Result<Bytes> FileSystem::read_blocks(InodeNumber number, uint64_t first, uint64_t count) const {
  Bytes content(count * block_size());
  for (uint64_t i = 0; i < count; ++i) {
    TRY_ASSIGN(const uint64_t place, locate(number, first + i));
    if (place == 0) continue;
    errcode_t code = library_->io_channel_read_blk64(get()->io, place, 1, content.data() + i * block_size());
    if (code != 0) return library_->failure("read a block", code);
  }
  return content;
}

Result<> FileSystem::write_blocks(InodeNumber number, uint64_t first, ByteView content) {
  const uint64_t count = content.size() / block_size();
  errcode_t code = library_->ext2fs_fallocate(get(), EXT2_FALLOCATE_FORCE_INIT | EXT2_FALLOCATE_INIT_BEYOND_EOF, number,
                                              nullptr, ~blk64_t{0}, first, count);
  if (code != 0) return allocation_failure(*library_, "allocate " + std::to_string(count) + " blocks", code);
  for (uint64_t i = 0; i < count; ++i) {
    TRY_ASSIGN(const uint64_t place, locate(number, first + i));
    if (place == 0) return fail(ErrorKind::Failed, "libext2fs has not allocated what it was asked for");
    code = library_->io_channel_write_blk64(get()->io, place, 1, content.data() + i * block_size());
    if (code != 0) return library_->failure("write a block", code);
  }
  return {};
}

Result<> FileSystem::cut(InodeNumber number, uint64_t first) {
  TRY_ASSIGN(const uint64_t end, end_of_blocks(number));
  if (end <= first) return {};
  errcode_t code = library_->ext2fs_punch(get(), number, nullptr, nullptr, first, ~blk64_t{0});
  // The block that libext2fs finds wrong is the file system's last one: which blocks are used was checked before.
  if (code == EXT2_ET_BAD_BLOCK_NUM)
    return fail(ErrorKind::Unsupported,
                "has blocks behind its end, up to the file system's last one, which libext2fs frees since 1.47.4 only",
                "use that, or make the file system larger: truncate -s SIZE, then resize2fs");
  if (code != 0) return damaged(library_->failure("free blocks behind the file's end", code));
  return {};
}

Result<uint64_t> FileSystem::end_of_blocks(InodeNumber number) const {
  ext2_extent_handle_t raw = nullptr;
  if (errcode_t code = library_->ext2fs_extent_open2(get(), number, nullptr, &raw); code != 0)
    return damaged(library_->failure("open the extents", code));
  ExtentHandle handle(raw, ExtentCloser{library_});
  ext2fs_extent extent = {};
  errcode_t code = library_->ext2fs_extent_get(handle.get(), EXT2_EXTENT_ROOT, &extent);
  if (code == EXT2_ET_EXTENT_NO_NEXT) return 0;
  if (code == 0) code = library_->ext2fs_extent_get(handle.get(), EXT2_EXTENT_LAST_LEAF, &extent);
  if (code != 0) return damaged(library_->failure("read the extents", code));
  return uint64_t{extent.e_lblk} + extent.e_len;
}

Result<std::optional<Bytes>> FileSystem::xattr(InodeNumber number, const char* name) const {
  TRY_ASSIGN(XattrHandle handle, open_xattrs(*this, number));
  void* value = nullptr;
  size_t size = 0;
  errcode_t code = library_->ext2fs_xattr_get(handle.get(), name, &value, &size);
  Malloced<void> owned(value);
  if (code == EXT2_ET_EA_KEY_NOT_FOUND) return std::nullopt;
  if (code != 0) return library_->failure(std::string("read ") + name, code);
  const auto* bytes = static_cast<const uint8_t*>(value);
  return Bytes(bytes, bytes + size);
}

Result<> FileSystem::set_xattr(InodeNumber number, const char* name, ByteView value) {
  TRY_ASSIGN(XattrHandle handle, open_xattrs(*this, number));
  const uint32_t free_inodes = super().s_free_inodes_count;
  errcode_t code = library_->ext2fs_xattr_set(handle.get(), name, value.data(), value.size());
  // With ea_inode a value may get an inode of its own, whose blocks libext2fs 1.47 forgets to count as the file's.
  if (code == EXT2_ET_EA_NO_SPACE || code == EXT2_ET_INODE_ALLOC_FAIL || super().s_free_inodes_count != free_inodes)
    return no_room_for_xattr(*this, name, value.size());
  if (code != 0) return allocation_failure(*library_, std::string("set ") + name, code);
  ext2fs_set_feature_xattr(handle_->super);
  return {};
}

void FileSystem::switch_on_verity() {
  if (has_verity()) return;
  ext2fs_set_feature_verity(handle_->super);
  handle_->flags |= EXT2_FLAG_DIRTY | EXT2_FLAG_CHANGED;
  handle_->flags &= ~(EXT2_FLAG_MASTER_SB_ONLY | EXT2_FLAG_SUPER_ONLY);
}

// ext2fs_close() would count the bytes it has written, and that differs between versions of the library.
Result<> FileSystem::flush() {
  errcode_t code = library_->ext2fs_write_bitmaps(get());
  if (code == 0) code = library_->ext2fs_flush(get());
  if (code != 0) return library_->failure("write the file system", code);
  return {};
}

}  // namespace bpfgate::image
