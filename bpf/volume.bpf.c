// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * Follows dm-verity devices.
 *
 *   bdev_setintegrity   the kernel states a device's root hash, and whether it has verified a signature of that, each
 *                       time the device is resumed (verity_preresume() in drivers/md/dm-verity-target.c)
 *   dm_swap_table       (of dm_mod, no LSM hook) a device gets another table, of which, unless it is of verity again,
 * no hook tells: an error target may replace any other, and be replaced by any dm_blk_open         (likewise) a device
 * is opened for writing while it is not read-only yet verity_preresume    (of dm_verity) holds that module
 *   bdev_alloc_security the address of a device is given away again
 *   bdev_free_security  a device goes; not called where no other LSM keeps something with devices (security_bdev_free()
 *                       in security/security.c)
 *
 * A device that was resumed before the gate was loaded is not known. User space resumes it again (src/volume).
 */
#include "volume.bpf.h"

static __always_inline void read_root_hash(struct dm_verity_digest *digest, struct gate_digest *root_hash)
{
	const char *name = BPF_CORE_READ(digest, alg);
	__u64 size = BPF_CORE_READ(digest, digest_len);
	static const char sha256[] = "sha256", sha512[] = "sha512";
	char algorithm[sizeof(sha256)] = {};

	/* A longer name is cut, and ends in no NUL here then. */
	if (bpf_probe_read_kernel(algorithm, sizeof(algorithm), name))
		return;
	if (size == 32 && bpf_strncmp(algorithm, sizeof(sha256), sha256) == 0)
		root_hash->algorithm = FS_VERITY_HASH_ALG_SHA256;
	else if (size == 64 && bpf_strncmp(algorithm, sizeof(sha512), sha512) == 0)
		root_hash->algorithm = FS_VERITY_HASH_ALG_SHA512;
	else
		return;
	if (bpf_probe_read_kernel(root_hash->value, size == 32 ? 32 : 64, BPF_CORE_READ(digest, digest)))
		return;
	root_hash->size = size;
}

/* The kernel says what the root hash is, and not that there are tables under which a block is not held to it. */
static __always_inline bool checks_every_block(const struct gate_device *now, struct dm_verity_digest *digest)
{
	struct dm_verity___gate *verity = (struct dm_verity___gate *)now->target;
	__u32 mode = BPF_CORE_READ(verity, mode);

	if (now->digest != (__u64)BPF_CORE_READ(digest, digest) || BPF_CORE_READ(verity, validated_blocks))
		return false;
	return mode == DM_VERITY_MODE_EIO___gate || mode == DM_VERITY_MODE_RESTART___gate ||
	       mode == DM_VERITY_MODE_PANIC___gate;
}

static __always_inline bool is_same(const struct gate_device *a, const struct gate_device *b)
{
	return a->table == b->table && a->target == b->target && a->digest == b->digest &&
	       same_digest(&a->root_hash, &b->root_hash);
}

static __always_inline void replace(struct gate_device *known)
{
	WRITE_ONCE(known->is_replaced, 1);
	if (known->root_hash.size)
		__sync_fetch_and_add(&replacements, 1);
}

/* Without a digest the kernel takes back what it has said (verity_preresume()). */
static __noinline int announce(__u64 device, struct dm_verity_digest *digest)
{
	struct gate_device *known = bpf_map_lookup_elem(&devices, &device);
	struct gate_device next = {};

	read_table(device, &next);
	if (digest) {
		read_root_hash(digest, &next.root_hash);
		next.is_checked = checks_every_block(&next, digest);
	}
	if (!known) {
		bpf_map_update_elem(&devices, &device, &next, BPF_NOEXIST);
		return 0;
	}
	if (!is_same(known, &next))
		replace(known);
	return 0;
}

/* A device that is not known yet is remembered, too: what it shows now stays in the caches when it is of verity. */
static __noinline int distrust(struct gendisk___gate *disk)
{
	struct gate_device *known, unknown = {.is_replaced = 1};
	__u64 device = (__u64)BPF_CORE_READ(disk, part0);

	known = bpf_map_lookup_elem(&devices, &device);
	if (known)
		replace(known);
	else if (bpf_map_update_elem(&devices, &device, &unknown, BPF_NOEXIST))
		WRITE_ONCE(lost_replacement, 1);
	return 0;
}

static __always_inline void state_signature(__u64 device, bool is_signed)
{
	struct gate_device *known = bpf_map_lookup_elem(&devices, &device);

	if (known)
		WRITE_ONCE(known->is_signed, is_signed);
}

/* Arguments as numbers: what may be read of them differs between kernels. */
SEC("lsm/bdev_setintegrity")
int BPF_PROG(volume_announced, struct block_device *bdev, enum lsm_integrity_type type, const void *value, size_t size,
	     int ret)
{
	__u64 device = 0, statement = 0, length = 0;

	if (ret)
		return ret;
	bpf_get_func_arg(ctx, 0, &device);
	bpf_get_func_arg(ctx, 2, &statement);
	bpf_get_func_arg(ctx, 3, &length);
	if (type == LSM_INT_DMVERITY_ROOTHASH)
		announce(device, (struct dm_verity_digest *)statement);
	else if (type == LSM_INT_DMVERITY_SIG_VALID)
		state_signature(device, statement && length);
	return 0;
}

SEC("lsm/bdev_alloc_security")
int BPF_PROG(volume_born, struct block_device *bdev, int ret)
{
	__u64 device = 0;
	long err;

	bpf_get_func_arg(ctx, 0, &device);
	err = bpf_map_delete_elem(&devices, &device);
	if (err && err != -ENOENT)
		WRITE_ONCE(lost_replacement, 1);
	return ret;
}

SEC("lsm/bdev_free_security")
void BPF_PROG(volume_gone, struct block_device *bdev)
{
	__u64 device = 0;

	bpf_get_func_arg(ctx, 0, &device);
	bpf_map_delete_elem(&devices, &device);
}

/* The first table of a device replaces none. */
static __always_inline int on_swap(struct mapped_device___gate *md, __u64 before)
{
	if (before)
		distrust(BPF_CORE_READ(md, disk));
	return 0;
}

SEC("fentry/dm_swap_table")
int BPF_PROG(volume_replaced, struct mapped_device___gate *md)
{
	return on_swap(md, (__u64)BPF_CORE_READ(md, map));
}

/*
 * Once more, by what the function returns: the table before, or an error. The kernel leaves a tracing program out that
 * is called while it is interrupted on the same processor; to have both left out takes more.
 */
SEC("fexit/dm_swap_table")
int BPF_PROG(volume_was_replaced, struct mapped_device___gate *md, void *table, __u64 before)
{
	return on_swap(md, before > -4096UL ? 0 : before);
}

/*
 * Between its making and its first table a device can be opened for writing. A shared mapping made then writes to the
 * caches of the volume ever after, and file systems take their metadata from there.
 */
SEC("fentry/dm_blk_open")
int BPF_PROG(volume_opened, struct gendisk___gate *disk, unsigned int mode)
{
	if (mode & BLK_OPEN_WRITE && !(BPF_CORE_READ(disk, state) & 1UL << GD_READ_ONLY))
		distrust(disk);
	return 0;
}

/* Does nothing but keep dm_verity from being unloaded: loaded anew, it may be with another keyring. */
SEC("fentry/verity_preresume")
int BPF_PROG(volume_resumed)
{
	return 0;
}
