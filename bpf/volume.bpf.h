/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * dm-verity volumes: what the kernel has said about each device, and what that proves of a file. Which kernel events
 * tell is in volume.bpf.c. src/volume is the twin in user space.
 */
#ifndef BPFGATE_VOLUME_BPF_H
#define BPFGATE_VOLUME_BPF_H

#include "judgement.bpf.h"

#define EXT4_SUPER_MAGIC 0xef53 /* include/uapi/linux/magic.h */
#define SQUASHFS_MAGIC 0x73717368
#define EROFS_SUPER_MAGIC_V1 0xe0f5e1e2

/* fs/overlayfs, 7.2: the inode that an overlay's file is read from */
extern struct inode *bpf_real_data_inode(struct file *file) __ksym __weak;

/* drivers/md/dm-core.h and dm-verity.h. Of modules, mostly: what uses them is loaded where they are (gate/probe.cc). */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct gendisk___gate {
	struct block_device *part0;
	void *private_data;
	unsigned long state;
};

struct block_device___gate {
	struct gendisk___gate *bd_disk;
};

struct dm_target___gate {
	void *private;
};

struct dm_table___gate {
	struct dm_target___gate *targets;
};

struct mapped_device___gate {
	struct dm_table___gate *map;
	struct gendisk___gate *disk;
};

enum verity_mode___gate {
	DM_VERITY_MODE_EIO___gate,
	DM_VERITY_MODE_LOGGING___gate, /* corrupt blocks are passed on */
	DM_VERITY_MODE_RESTART___gate,
	DM_VERITY_MODE_PANIC___gate,
};

struct dm_verity___gate {
	unsigned char *root_digest;
	enum verity_mode___gate mode;
	unsigned long *validated_blocks; /* where each block is checked at most once */
};
#pragma clang attribute pop

/*
 * Set before load, where devices can be followed. Without it nothing below is reached, whose types may not be there:
 * the kernel removes code behind a constant before it looks at it.
 */
const volatile bool follow_volumes = false;

struct gate_device {
	/* What the root hash was stated of, by address. Three, because one alone may be given away again. */
	__u64 table; /* dm_table */
	__u64 target; /* dm_verity */
	__u64 digest;
	__u32 is_signed; /* the kernel has verified a signature of the root hash */
	struct gate_digest root_hash; /* FS_VERITY_HASH_ALG_*; size 0 where there is none that could be trusted */
	__u32 is_checked; /* every block is, each time it is read */
	/* What is in the caches may be of another table, or written by somebody. For good. */
	__u32 is_replaced;
};

/*
 * By address of struct block_device, which is nobody else's until bdev_alloc_security: device numbers are given away
 * while the device that had them is still open. Allocated beforehand: where one cannot be remembered, all trust in
 * volumes may end for good (`lost_replacement`), and that must not hang on who is short of memory.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_MAX_DEVICES);
	__type(key, __u64);
	__type(value, struct gate_device);
} devices SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_BANKS *GATE_MAX_VOLUME_LOADERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gate_volume_loader);
	__type(value, __u64); /* grants, as of a signer */
} volume_loaders SEC(".maps");

/* How often a device with a root hash got another table. What was proven by any volume before that is not proven now:
 * see GATE_REASON_TAINT_VOLUME.
 */
__u64 replacements = 0;
/* Something that ends the trust in a device could not be remembered: none is to be trusted any more. */
__u32 lost_replacement = 0;

/* Where the content of a file comes from. */
struct gate_origin {
	__u64 device; /* address of struct block_device */
	__u64 inode;
};

/* Of other file systems it is not known that all they show comes from their one device. */
static __always_inline bool has_one_device(__u64 magic)
{
	return magic == EXT4_SUPER_MAGIC || magic == SQUASHFS_MAGIC || magic == EROFS_SUPER_MAGIC_V1;
}

static __always_inline bool find_origin(struct file *file, struct gate_origin *origin)
{
	struct inode *inode = file->f_inode;
	struct super_block *sb;

	if (BPF_CORE_READ(inode, i_sb, s_magic) == OVERLAYFS_SUPER_MAGIC) {
		if (!bpf_ksym_exists(bpf_real_data_inode))
			return false;
		inode = bpf_real_data_inode(file);
		if (!inode)
			return false;
	}
	sb = BPF_CORE_READ(inode, i_sb);
	if (!has_one_device(BPF_CORE_READ(sb, s_magic)))
		return false;
	origin->device = (__u64)BPF_CORE_READ(sb, s_bdev);
	origin->inode = BPF_CORE_READ(inode, i_ino);
	return origin->device != 0;
}

static __always_inline struct mapped_device___gate *mapped_device_of(__u64 device)
{
	struct block_device___gate *bdev = (struct block_device___gate *)device;

	return (struct mapped_device___gate *)BPF_CORE_READ(bdev, bd_disk, private_data);
}

/* Where the device's table is now; all zero where there is none. */
static __always_inline void read_table(__u64 device, struct gate_device *now)
{
	struct mapped_device___gate *md = mapped_device_of(device);
	struct dm_table___gate *table = BPF_CORE_READ(md, map);
	struct dm_verity___gate *verity = (struct dm_verity___gate *)BPF_CORE_READ(table, targets, private);

	now->table = (__u64)table;
	now->target = (__u64)verity;
	now->digest = (__u64)BPF_CORE_READ(verity, root_digest);
}

/* Still the table that the kernel has spoken of, whatever was missed. */
static __always_inline bool is_unchanged(__u64 device, const struct gate_device *known)
{
	struct gate_device now = {};

	read_table(device, &now);
	return !READ_ONCE(lost_replacement) && !READ_ONCE(known->is_replaced) && now.table == known->table &&
	       now.target == known->target && now.digest == known->digest;
}

/* A volume that proves its files. Root hashes are listed where digests are. */
static __always_inline bool is_trusted_volume(const struct gate_device *device, struct gate_workspace *workspace,
					      struct gate_policy *policy, struct gate_judgement *judgement,
					      struct gate_volume_loader *loader)
{
	struct gate_listed_digest *listed =
		find_listed(workspace, &device->root_hash, GATE_DIGEST_VOLUME, judgement->generation);

	if (!device->root_hash.size)
		return false;
	if (!listed)
		return READ_ONCE(device->is_signed) && policy->flags & GATE_POLICY_SIGNED_VOLUMES;
	loader->bank = bank_of(judgement->generation);
	loader->volume = listed->volume;
	return listed->role == GATE_ROLE_LIBRARY;
}

/* On a trusted volume every file is proven, and those are loaders that the policy names. */
static __always_inline void conclude_volume(const struct gate_volume_loader *loader, __u64 volumes,
					    struct gate_judgement *judgement)
{
	__u64 *granted = bpf_map_lookup_elem(&volume_loaders, loader);

	if (granted)
		conclude_role(judgement, GATE_ROLE_LOADER, *granted, GATE_REASON_VOLUME);
	else if (judgement->verdict != GATE_VERDICT_LIBRARY)
		conclude_role(judgement, GATE_ROLE_LIBRARY, 0, GATE_REASON_VOLUME);
	if (judgement->reason == GATE_REASON_VOLUME)
		judgement->volumes = volumes;
}

/* A file without a digest is told from others by where it is: whoever runs it keeps its file system, and so the device.
 */
static __always_inline void name_by_origin(struct gate_digest *digest, const struct gate_origin *origin)
{
	__u64 *words = (__u64 *)digest->value;

	if (digest->size)
		return;
	digest->algorithm = GATE_DIGEST_ORIGIN;
	digest->size = 16;
	words[0] = origin->device;
	words[1] = origin->inode;
}

static __always_inline void judge_volume(struct file *file, struct gate_workspace *workspace,
					 struct gate_policy *policy, struct gate_judgement *judgement)
{
	struct gate_volume_loader loader = {.volume = GATE_MAX_VOLUMES};
	__u64 volumes = READ_ONCE(replacements) + 1;
	struct gate_device *device;
	struct gate_origin origin;
	__u32 reason = GATE_REASON_VOLUME;

	if (!find_origin(file, &origin))
		return;
	device = bpf_map_lookup_elem(&devices, &origin.device);
	if (!device)
		return;
	loader.inode = origin.inode;
	if (!is_unchanged(origin.device, device))
		reason = GATE_REASON_VOLUME_REPLACED;
	else if (!READ_ONCE(device->is_checked))
		reason = GATE_REASON_VOLUME_UNCHECKED;
	else if (!is_trusted_volume(device, workspace, policy, judgement, &loader))
		reason = GATE_REASON_VOLUME_UNTRUSTED;
	if (reason == GATE_REASON_VOLUME) {
		conclude_volume(&loader, volumes, judgement);
		name_by_origin(&workspace->message.digest, &origin);
	} else if (judgement->reason == GATE_REASON_NOT_SEALED) {
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, reason);
	}
}

#endif
