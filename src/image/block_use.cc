// SPDX-License-Identifier: MIT
#include <optional>
#include <vector>

#include "image/limits.h"

namespace bpfgate::image {
namespace {

struct ScanCloser {
  const Library* library;
  void operator()(ext2_inode_scan scan) const { library->ext2fs_close_inode_scan(scan); }
};
using ScanHandle = std::unique_ptr<struct ext2_struct_inode_scan, ScanCloser>;

Failure damaged(const std::string& how) {
  return fail(ErrorKind::Failed, "is damaged: " + how, "repair it with e2fsck -f, and look at what that says");
}

class BlockUse {
 public:
  explicit BlockUse(const FileSystem& file_system)
      : file_system_(file_system), library_(file_system.library()), used_(file_system.block_count()) {}

  Result<> check() {
    TRY(check_groups());
    ext2_inode_scan raw = nullptr;
    if (errcode_t code = library_.ext2fs_open_inode_scan(file_system_.get(), 0, &raw); code != 0)
      return damaged(library_.error_message(code));
    ScanHandle scan(raw, ScanCloser{&library_});
    for (;;) {
      ext2_ino_t number = 0;
      ext2_inode inode = {};
      if (errcode_t code = library_.ext2fs_get_next_inode(scan.get(), &number, &inode); code != 0)
        return damaged(std::string("the table of inodes: ") + library_.error_message(code));
      if (number == 0) return {};
      if (inode.i_links_count != 0) TRY(check_inode(number, inode));
    }
  }

 private:
  [[nodiscard]] bool is_in_bitmap(uint64_t block) const {
    return library_.ext2fs_test_generic_bmap(file_system_.get()->block_map, block) != 0;
  }
  [[nodiscard]] bool is_in_range(uint64_t block) const {
    return block >= file_system_.super().s_first_data_block && block < used_.size();
  }

  // What is allocated next to the bitmaps and inode tables must not be one of them.
  [[nodiscard]] Result<> check_groups() const {
    const ext2_filsys handle = file_system_.get();
    for (dgrp_t group = 0; group < handle->group_desc_count; ++group) {
      TRY(check_run(library_.ext2fs_block_bitmap_loc(handle, group), 1));
      TRY(check_run(library_.ext2fs_inode_bitmap_loc(handle, group), 1));
      TRY(check_run(library_.ext2fs_inode_table_loc(handle, group), handle->inode_blocks_per_group));
    }
    return {};
  }

  [[nodiscard]] Result<> check_run(uint64_t first, uint64_t count) const {
    for (uint64_t block = first; block < first + count; ++block)
      if (!is_in_range(block) || !is_in_bitmap(block)) return damaged("its groups are described wrongly");
    return {};
  }

  // Why the block cannot be one of this file, or null. Called from C: throws nothing.
  const char* use(uint64_t block) {
    if (!is_in_range(block)) return "has a block outside of the file system";
    if (!is_in_bitmap(block)) return "has a block that counts as free";
    if (used_[block]) return "shares a block with another file";
    used_[block] = true;
    return nullptr;
  }

  struct Finding {
    BlockUse* self;
    const char* what;
  };
  static int visit(ext2_filsys, blk64_t* block, e2_blkcnt_t, blk64_t, int, void* data) {
    auto* finding = static_cast<Finding*>(data);
    finding->what = finding->self->use(*block);
    return finding->what == nullptr ? 0 : BLOCK_ABORT;
  }

  Result<> check_inode(ext2_ino_t number, ext2_inode inode) {
    const std::string name = "inode " + std::to_string(number) + " ";
    // Files may share the block of their extended attributes.
    if (uint64_t block = library_.ext2fs_file_acl_block(file_system_.get(), &inode);
        block != 0 && (!is_in_range(block) || !is_in_bitmap(block)))
      return damaged(name + "has extended attributes in a block that counts as free");
    if (library_.ext2fs_inode_has_valid_blocks2(file_system_.get(), &inode) == 0) return {};
    Finding finding{this, nullptr};
    errcode_t code =
        library_.ext2fs_block_iterate3(file_system_.get(), number, BLOCK_FLAG_READ_ONLY, nullptr, visit, &finding);
    if (finding.what != nullptr) return damaged(name + finding.what);
    if (code != 0) return damaged(name + library_.error_message(code));
    return {};
  }

  const FileSystem& file_system_;
  const Library& library_;
  std::vector<bool> used_;
};

}  // namespace

Result<> check_block_use(const FileSystem& file_system) { return BlockUse(file_system).check(); }

}  // namespace bpfgate::image
