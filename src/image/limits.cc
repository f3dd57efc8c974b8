// SPDX-License-Identifier: MIT
#include "image/limits.h"

namespace bpfgate::image {
namespace {

Failure refuse(std::string what, std::string remedy) {
  return fail(ErrorKind::Unsupported, std::move(what), std::move(remedy));
}

}  // namespace

Result<> check_kind(const ext2_inode& inode) {
  if (LINUX_S_ISLNK(inode.i_mode))
    return fail(ErrorKind::Failed, "is a symbolic link", "name the file that it points to, as a path in the image");
  if (LINUX_S_ISDIR(inode.i_mode)) return fail(ErrorKind::Failed, "is a directory", "name the files in it");
  if (!is_regular(inode)) return fail(ErrorKind::Failed, "is no regular file");
  return {};
}

Result<> check_image(const FileSystem& file_system, const fsverity::Parameters& parameters) {
  ext2_super_block* super = file_system.get()->super;
  if (ext2fs_has_feature_bigalloc(super) != 0)
    return refuse("allocates in clusters, which cannot be sealed offline", "make it with mkfs.ext4 -O ^bigalloc");
  if (ext2fs_has_feature_quota(super) != 0)
    return refuse("keeps quotas, which sealing would put out of step",
                  "switch them off with tune2fs -O ^quota, and on again when it is sealed");
  if (ext2fs_has_feature_shared_blocks(super) != 0)
    return refuse("has files that share blocks", "unshare them with e2fsck -E unshare_blocks");
  if (ext2fs_has_feature_orphan_present(super) != 0)
    return refuse("has orphaned files to clean up", "do it with e2fsck -fp");
  if (parameters.block_size > file_system.block_size())
    return refuse("its blocks of " + std::to_string(file_system.block_size()) + " bytes are smaller than the " +
                      std::to_string(parameters.block_size) + " of the Merkle tree, and no kernel takes that",
                  "use --block-size " + std::to_string(file_system.block_size()) + " or mkfs.ext4 -b 4096");
  return {};
}

Result<> check_file(const FileSystem& file_system, const ext2_inode& inode) {
  TRY(check_kind(inode));
  if (inode.i_links_count == 0)
    return fail(ErrorKind::Failed, "is a name of a file that was removed", "repair the image with e2fsck -f");
  if ((inode.i_flags & EXT4_INLINE_DATA_FL) != 0)
    return refuse("its content is in the inode (inline_data)", "make the file system with mkfs.ext4 -O ^inline_data");
  if ((inode.i_flags & EXT4_ENCRYPT_FL) != 0)
    return refuse("is encrypted", "keep it in a directory that is not; without the key nothing can be hashed");
  if ((inode.i_flags & EXT4_EXTENTS_FL) == 0)
    return refuse(
        "has no extents but a block map, as in ext2 and ext3",
        "make the file system with mkfs.ext4 -O extent, or convert it: tune2fs -O extent, e2fsck -fE bmap2extent");
  if (size_of(inode) > file_system.size())
    return refuse("has holes, and is larger than the file system that holds it",
                  "leave it out; it has next to no data");
  return {};
}

}  // namespace bpfgate::image
