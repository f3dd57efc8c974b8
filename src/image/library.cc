// SPDX-License-Identifier: MIT
#include "image/library.h"

#include <dlfcn.h>

namespace bpfgate::image {
namespace {

template <class Function>
bool find(void* handle, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(handle, name));
  return function != nullptr;
}

#define FIND(name) find(handle, #name, library.name)

bool find_file_system(void* handle, Library& library) {
  return FIND(ext2fs_open2) && FIND(ext2fs_free) && FIND(ext2fs_flush) && FIND(ext2fs_check_if_mounted) &&
         FIND(ext2fs_read_bitmaps) && FIND(ext2fs_write_bitmaps) && FIND(ext2fs_test_generic_bmap) &&
         FIND(ext2fs_blocks_count) && FIND(ext2fs_free_blocks_count) && FIND(ext2fs_block_bitmap_loc) &&
         FIND(ext2fs_inode_bitmap_loc) && FIND(ext2fs_inode_table_loc) && FIND(ext2fs_namei) &&
         FIND(ext2fs_dir_iterate2);
}

bool find_inodes(void* handle, Library& library) {
  return FIND(ext2fs_open_inode_scan) && FIND(ext2fs_get_next_inode) && FIND(ext2fs_close_inode_scan) &&
         FIND(ext2fs_read_inode) && FIND(ext2fs_write_inode) && FIND(ext2fs_inode_has_valid_blocks2) &&
         FIND(ext2fs_file_acl_block) && FIND(ext2fs_xattrs_open) && FIND(ext2fs_xattrs_read) &&
         FIND(ext2fs_xattrs_write) && FIND(ext2fs_xattrs_close) && FIND(ext2fs_xattr_get) && FIND(ext2fs_xattr_set);
}

bool find_blocks(void* handle, Library& library) {
  return FIND(ext2fs_block_iterate3) && FIND(ext2fs_file_open) && FIND(ext2fs_file_read) && FIND(ext2fs_file_close) &&
         FIND(ext2fs_bmap2) && FIND(ext2fs_punch) && FIND(ext2fs_fallocate) && FIND(ext2fs_extent_open2) &&
         FIND(ext2fs_extent_get) && FIND(ext2fs_extent_free) && FIND(io_channel_read_blk64) &&
         FIND(io_channel_write_blk64);
}

// Texts of errors, and the one that is no function.
bool find_rest(void* handle, Library& library) {
  void (*initialize)() = nullptr;
  io_manager* unix_io = nullptr;
  if (!find(handle, "initialize_ext2_error_table", initialize) || !find(handle, "unix_io_manager", unix_io) ||
      !FIND(error_message))
    return false;
  initialize();
  library.unix_io = *unix_io;
  return true;
}

#undef FIND

const Library* load() {
  static Library loaded;
  void* handle = ::dlopen("libext2fs.so.2", RTLD_NOW | RTLD_LOCAL);
  bool is_complete = handle != nullptr && find_file_system(handle, loaded) && find_inodes(handle, loaded) &&
                     find_blocks(handle, loaded) && find_rest(handle, loaded);
  return is_complete ? &loaded : nullptr;
}

}  // namespace

Failure Library::failure(const std::string& what, errcode_t code) const {
  return fail(ErrorKind::Failed, what + ": " + error_message(code));
}

Result<const Library*> library() {
  static const Library* const loaded = load();
  if (loaded != nullptr) return loaded;
  return fail(ErrorKind::Unsupported, "libext2fs.so.2 is not there, or too old",
              "install it: Debian's package is libext2fs2");
}

}  // namespace bpfgate::image
