// SPDX-License-Identifier: MIT
#include <algorithm>
#include <set>
#include <vector>

#include "image/limits.h"

namespace bpfgate::image {
namespace {

Failure damaged(const std::string& how) {
  return fail(ErrorKind::Failed, "is damaged: " + how, "repair it with e2fsck -f, and look at what that says");
}

class BlockUse {
 public:
  explicit BlockUse(const FileSystem& file_system)
      : file_system_(file_system), library_(file_system.library()), used_(file_system.block_count()) {}

  // What describes the file system comes first, so that a file which has a block of that is found as well.
  Result<> check() {
    TRY(check_groups());
    return file_system_.for_each_inode(
        [&](InodeNumber number, const ext2_inode& inode) { return check_inode(number, inode); });
  }

 private:
  [[nodiscard]] bool is_in_bitmap(uint64_t block) const {
    return library_.ext2fs_test_generic_bmap(file_system_.get()->block_map, block) != 0;
  }
  [[nodiscard]] bool is_in_range(uint64_t block) const {
    return block >= file_system_.super().s_first_data_block && block < used_.size();
  }

  Result<> check_groups() {
    const ext2_filsys handle = file_system_.get();
    for (dgrp_t group = 0; group < handle->group_desc_count; ++group) {
      TRY(check_descriptors(group));
      TRY(check_run(library_.ext2fs_block_bitmap_loc(handle, group), 1));
      TRY(check_run(library_.ext2fs_inode_bitmap_loc(handle, group), 1));
      TRY(check_run(library_.ext2fs_inode_table_loc(handle, group), handle->inode_blocks_per_group));
    }
    if (ext2fs_has_feature_mmp(handle->super) == 0) return {};
    return check_run(handle->super->s_mmp_block, 1);
  }

  // The group's copies of the superblock and of the table of groups, where it has some. Blocks that the table may grow
  // into belong to an inode of their own.
  Result<> check_descriptors(dgrp_t group) {
    const ext2_filsys handle = file_system_.get();
    blk64_t super = 0;
    blk64_t old_table = 0;
    blk64_t new_table = 0;
    library_.ext2fs_super_and_bgd_loc2(handle, group, &super, &old_table, &new_table, nullptr);
    if (super != 0 || group == 0) TRY(check_run(super, 1));
    if (old_table != 0) TRY(check_run(old_table, old_table_blocks()));
    if (new_table != 0) TRY(check_run(new_table, 1));
    return {};
  }

  [[nodiscard]] uint64_t old_table_blocks() const {
    const ext2_filsys handle = file_system_.get();
    if (ext2fs_has_feature_meta_bg(handle->super) == 0) return handle->desc_blocks;
    return std::min<uint64_t>(handle->desc_blocks, handle->super->s_first_meta_bg);
  }

  Result<> check_run(uint64_t first, uint64_t count) {
    // Such numbers would wrap, and nothing be checked.
    if (count > used_.size() || first > used_.size() - count) return damaged("its groups are described wrongly");
    for (uint64_t block = first; block < first + count; ++block)
      if (use(block) != nullptr) return damaged("its groups are described wrongly");
    return {};
  }

  // Why the block cannot be one of this file, or null. Called from C: throws nothing.
  const char* use(uint64_t block) {
    if (!is_in_range(block)) return "has a block outside of the file system";
    if (!is_in_bitmap(block)) return "has a block that counts as free";
    if (used_[block]) return "shares a block with another file, or with the file system's own tables";
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

  Result<> check_inode(InodeNumber number, ext2_inode inode) {
    const std::string name = "inode " + std::to_string(number) + " ";
    TRY(check_xattr_block(name, library_.ext2fs_file_acl_block(file_system_.get(), &inode)));
    if (library_.ext2fs_inode_has_valid_blocks2(file_system_.get(), &inode) == 0) return {};
    Finding finding{this, nullptr};
    errcode_t code =
        library_.ext2fs_block_iterate3(file_system_.get(), number, BLOCK_FLAG_READ_ONLY, nullptr, visit, &finding);
    if (finding.what != nullptr) return damaged(name + finding.what);
    if (code != 0) return damaged(name + library_.error_message(code));
    return {};
  }

  // Files may share the block of their extended attributes, with each other alone.
  Result<> check_xattr_block(const std::string& name, uint64_t block) {
    if (block == 0 || xattr_blocks_.contains(block)) return {};
    if (const char* what = use(block); what != nullptr) return damaged(name + "has extended attributes and " + what);
    xattr_blocks_.insert(block);
    return {};
  }

  const FileSystem& file_system_;
  const Library& library_;
  std::vector<bool> used_;
  std::set<uint64_t> xattr_blocks_;
};

}  // namespace

Result<> check_block_use(const FileSystem& file_system) { return BlockUse(file_system).check(); }

}  // namespace bpfgate::image
