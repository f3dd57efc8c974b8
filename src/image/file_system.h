// SPDX-License-Identifier: MIT
// Private to this room: an ext4 file system in a file, as far as sealing needs it. Errors here name neither image nor
// path; who calls knows both.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/result.h"
#include "fsverity/metadata.h"
#include "image/library.h"

namespace bpfgate::image {

enum class Access { Read, Write };

using InodeNumber = uint32_t;

inline uint64_t size_of(const ext2_inode& inode) { return EXT2_I_SIZE(&inode); }
inline bool is_regular(const ext2_inode& inode) { return LINUX_S_ISREG(inode.i_mode); }
inline bool is_sealed(const ext2_inode& inode) { return (inode.i_flags & EXT4_VERITY_FL) != 0; }

// Puts the image's name in front, unless the error begins with it.
Failure within_image(Error error, const std::filesystem::path& image);

class FileSystem {
 public:
  // Refuses whatever was not left in order: a journal that waits to be replayed, errors, a file that ends too early.
  // `offset` is where the file system begins: in the image of a whole disk, the partition.
  static Result<FileSystem> open(const std::filesystem::path& image, Access access, uint64_t offset = 0);

  [[nodiscard]] const Library& library() const { return *library_; }
  [[nodiscard]] ext2_filsys get() const { return handle_.get(); }
  [[nodiscard]] const ext2_super_block& super() const { return *handle_->super; }
  [[nodiscard]] uint32_t block_size() const { return handle_->blocksize; }
  [[nodiscard]] uint64_t block_count() const { return library_->ext2fs_blocks_count(handle_->super); }
  [[nodiscard]] uint64_t size() const { return block_count() * block_size(); }
  [[nodiscard]] bool has_verity() const { return ext2fs_has_feature_verity(handle_->super) != 0; }

  // Which blocks are in use. It is there for writing; others who need it read it first.
  [[nodiscard]] Result<> read_bitmaps();

  // Links are followed on the way, within the image, but not at the end.
  [[nodiscard]] Result<InodeNumber> find(const std::string& path) const;
  [[nodiscard]] Result<ext2_inode> inode(InodeNumber number) const;
  [[nodiscard]] Result<> set_inode(InodeNumber number, ext2_inode inode);
  // All that are in use, in the order of their numbers, until `visit` fails.
  using InodeVisitor = std::function<Result<>(InodeNumber number, const ext2_inode& inode)>;
  [[nodiscard]] Result<> for_each_inode(const InodeVisitor& visit) const;

  // Reads a regular file from its beginning on; holes are zeros. The file system must outlive the reader.
  [[nodiscard]] Result<fsverity::ContentReader> open_content(InodeNumber number) const;

  // Blocks of a file by their place in it, those behind its end included.
  [[nodiscard]] Result<Bytes> read_blocks(InodeNumber number, uint64_t first, uint64_t count) const;
  // `content` is a multiple of the block size. Allocates what is not there; the file's size stays.
  [[nodiscard]] Result<> write_blocks(InodeNumber number, uint64_t first, ByteView content);
  // Takes away all blocks from `first` on.
  [[nodiscard]] Result<> cut(InodeNumber number, uint64_t first);
  // Behind the last block; 0 where there is none.
  [[nodiscard]] Result<uint64_t> end_of_blocks(InodeNumber number) const;

  [[nodiscard]] Result<std::optional<Bytes>> xattr(InodeNumber number, const char* name) const;
  [[nodiscard]] Result<> set_xattr(InodeNumber number, const char* name, ByteView value);

  // The feature that says there are seals, in every copy of the superblock. Nothing happens where it is there.
  void switch_on_verity();
  // Writes everything, and waits until it is on the disk. Of the superblock no time and no counter of writes changes:
  // the same image sealed twice is the same bytes twice.
  [[nodiscard]] Result<> flush();

 private:
  struct Closer {
    const Library* library;
    void operator()(ext2_filsys handle) const { library->ext2fs_free(handle); }
  };
  using Handle = std::unique_ptr<struct_ext2_filsys, Closer>;
  FileSystem(const Library* library, Handle handle) : library_(library), handle_(std::move(handle)) {}

  [[nodiscard]] Result<uint64_t> locate(InodeNumber number, uint64_t block) const;
  [[nodiscard]] Result<> check_state() const;

  const Library* library_;
  Handle handle_;
};

}  // namespace bpfgate::image
