// SPDX-License-Identifier: MIT
// Private to this room: libext2fs, loaded where an image is opened. Linked, it would be one more library that every
// host had to sign for bpfgate, and images are made elsewhere.
#pragma once

#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>

#include <string>

#include "base/result.h"

namespace bpfgate::image {

// Its functions that are used here, under their names.
struct Library {
  decltype(&::ext2fs_open2) ext2fs_open2 = nullptr;
  decltype(&::ext2fs_free) ext2fs_free = nullptr;
  decltype(&::ext2fs_flush) ext2fs_flush = nullptr;
  decltype(&::ext2fs_check_if_mounted) ext2fs_check_if_mounted = nullptr;
  decltype(&::ext2fs_read_bitmaps) ext2fs_read_bitmaps = nullptr;
  decltype(&::ext2fs_write_bitmaps) ext2fs_write_bitmaps = nullptr;
  decltype(&::ext2fs_test_generic_bmap) ext2fs_test_generic_bmap = nullptr;
  decltype(&::ext2fs_blocks_count) ext2fs_blocks_count = nullptr;
  decltype(&::ext2fs_free_blocks_count) ext2fs_free_blocks_count = nullptr;
  decltype(&::ext2fs_block_bitmap_loc) ext2fs_block_bitmap_loc = nullptr;
  decltype(&::ext2fs_inode_bitmap_loc) ext2fs_inode_bitmap_loc = nullptr;
  decltype(&::ext2fs_inode_table_loc) ext2fs_inode_table_loc = nullptr;
  decltype(&::ext2fs_namei) ext2fs_namei = nullptr;
  decltype(&::ext2fs_dir_iterate2) ext2fs_dir_iterate2 = nullptr;
  decltype(&::ext2fs_open_inode_scan) ext2fs_open_inode_scan = nullptr;
  decltype(&::ext2fs_get_next_inode) ext2fs_get_next_inode = nullptr;
  decltype(&::ext2fs_close_inode_scan) ext2fs_close_inode_scan = nullptr;
  decltype(&::ext2fs_read_inode) ext2fs_read_inode = nullptr;
  decltype(&::ext2fs_write_inode) ext2fs_write_inode = nullptr;
  decltype(&::ext2fs_inode_has_valid_blocks2) ext2fs_inode_has_valid_blocks2 = nullptr;
  decltype(&::ext2fs_file_acl_block) ext2fs_file_acl_block = nullptr;
  decltype(&::ext2fs_block_iterate3) ext2fs_block_iterate3 = nullptr;
  decltype(&::ext2fs_file_open) ext2fs_file_open = nullptr;
  decltype(&::ext2fs_file_read) ext2fs_file_read = nullptr;
  decltype(&::ext2fs_file_close) ext2fs_file_close = nullptr;
  decltype(&::ext2fs_bmap2) ext2fs_bmap2 = nullptr;
  decltype(&::ext2fs_punch) ext2fs_punch = nullptr;
  decltype(&::ext2fs_fallocate) ext2fs_fallocate = nullptr;
  decltype(&::ext2fs_extent_open2) ext2fs_extent_open2 = nullptr;
  decltype(&::ext2fs_extent_get) ext2fs_extent_get = nullptr;
  decltype(&::ext2fs_extent_free) ext2fs_extent_free = nullptr;
  decltype(&::ext2fs_xattrs_open) ext2fs_xattrs_open = nullptr;
  decltype(&::ext2fs_xattrs_read) ext2fs_xattrs_read = nullptr;
  decltype(&::ext2fs_xattrs_write) ext2fs_xattrs_write = nullptr;
  decltype(&::ext2fs_xattrs_close) ext2fs_xattrs_close = nullptr;
  decltype(&::ext2fs_xattr_get) ext2fs_xattr_get = nullptr;
  decltype(&::ext2fs_xattr_set) ext2fs_xattr_set = nullptr;
  decltype(&::io_channel_read_blk64) io_channel_read_blk64 = nullptr;
  decltype(&::io_channel_write_blk64) io_channel_write_blk64 = nullptr;
  decltype(&::error_message) error_message = nullptr;
  io_manager unix_io = nullptr;

  // "read the inode: Inode checksum does not match inode"
  [[nodiscard]] Failure failure(const std::string& what, errcode_t code) const;
};

// Loaded once, and for good. Where it is not there: ErrorKind::Unsupported.
Result<const Library*> library();

}  // namespace bpfgate::image
