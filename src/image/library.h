// SPDX-License-Identifier: MIT
// Private to this room: libext2fs, loaded where an image is opened.
#pragma once

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include <string>

#include "base/result.h"
#include "base/shared_library.h"

// Every function that is called, by its own name.
// clang-format off
#define BPFGATE_EXT2FS_FUNCTIONS(X)                                                                           \
  X(ext2fs_open2) X(ext2fs_free) X(ext2fs_flush) X(ext2fs_check_if_mounted) X(ext2fs_read_bitmaps)            \
  X(ext2fs_write_bitmaps) X(ext2fs_test_generic_bmap) X(ext2fs_blocks_count) X(ext2fs_super_and_bgd_loc2)     \
  X(ext2fs_block_bitmap_loc) X(ext2fs_inode_bitmap_loc) X(ext2fs_inode_table_loc) X(ext2fs_namei)             \
  X(ext2fs_dir_iterate2) X(ext2fs_open_inode_scan) X(ext2fs_get_next_inode) X(ext2fs_close_inode_scan)        \
  X(ext2fs_read_inode) X(ext2fs_write_inode) X(ext2fs_inode_has_valid_blocks2) X(ext2fs_file_acl_block)       \
  X(ext2fs_block_iterate3) X(ext2fs_file_open) X(ext2fs_file_read) X(ext2fs_file_close) X(ext2fs_bmap2)       \
  X(ext2fs_punch) X(ext2fs_fallocate) X(ext2fs_extent_open2) X(ext2fs_extent_get) X(ext2fs_extent_free)       \
  X(ext2fs_xattrs_open) X(ext2fs_xattrs_read) X(ext2fs_xattrs_close) X(ext2fs_xattr_get) X(ext2fs_xattr_set)  \
  X(io_channel_read_blk64) X(io_channel_write_blk64) X(error_message)
// clang-format on

namespace bpfgate::image {

struct Library {
  BPFGATE_EXT2FS_FUNCTIONS(BPFGATE_DECLARE_FUNCTION)
  io_manager unix_io = nullptr;

  // "read the inode: Inode checksum does not match inode"
  [[nodiscard]] Failure failure(const std::string& what, errcode_t code) const;
};

// Loaded once, and for good. Where it is not there: ErrorKind::Unsupported.
Result<const Library*> library();

}  // namespace bpfgate::image
