/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What proves a file: its fs-verity digest, listed in the policy, or signed (PKCS#7 in the xattr user.bpf_prog_sig) by
 * somebody the policy trusts; where the policy says so, the IMA digest of a file that is not sealed; or the dm-verity
 * volume that it is on. judge() is the only function that concludes; everything it cannot establish is "no evidence" or
 * "unknown", never a verdict that allows. src/evidence is its twin in user space.
 */
#ifndef BPFGATE_EVIDENCE_BPF_H
#define BPFGATE_EVIDENCE_BPF_H

#include "scratch.bpf.h"
#include "usage.bpf.h"
#include "volume.bpf.h"

static const char signature_xattr[] = "user.bpf_prog_sig";

/*
 * Set where the kernel has inode_post_setxattr and inode_post_removexattr (6.9). Without them a signature could be
 * replaced between the hook that forgets the verdict and the change itself, so verdicts are not kept.
 */
const volatile bool keep_verdicts = false;

/*
 * What signatures sign: struct fsverity_formatted_digest of include/uapi/linux/fsverity.h; for IMA digests the same
 * with "IMAfile" and a zero for the magic. The kfunc writes algorithm and size in native order, which is the signed
 * little-endian order on every machine bpfgate supports.
 */
struct gate_message {
	char magic[8];
	struct gate_digest digest;
};

/* Signers of programs, as sets: bit N is signer N of the bank. See signed.bpf.h. */
struct gate_vouching {
	__u64 call; /* who vouches for the call that is being decided */
	__u64 generation; /* of the policy that `run` is of */
	__u64 run; /* who has signed the program that the thread has run last */
};

/* Of one thread, while it judges a file or loads a program. */
struct gate_workspace {
	struct gate_message message;
	struct gate_digest_key key; /* of what is being looked up: the stack is short */
	__u32 verifying; /* it may search the gate's keyrings: see guard_key in guard.bpf.c */
	struct gate_usage usage; /* of the program it is about to load */
	struct gate_vouching vouching;
};

/* The verdict a signature led to. Refusals are not kept: whatever mends them must count at once. */
struct gate_kept_verdict {
	struct bpf_spin_lock lock;
	__u32 role;
	__u64 grants;
	__u64 generation;  /* of the policy that the verdict was made under */
	__u64 changes;     /* how often the file's signature was touched */
	__u64 judged_at;	 /* value of `changes` before the signature was read */
};

struct {
	__uint(type, BPF_MAP_TYPE_INODE_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct gate_kept_verdict);
} verdicts SEC(".maps");

struct gate_judgement {
	__u64 generation; /* of the policy it was made under */
	__u64 grants; /* the loader's; 0 for all else */
	__u64 commands; /* that they allow whatever the call is about */
	__u32 verdict;    /* enum gate_verdict */
	__u32 reason;     /* enum gate_reason */
	__u32 flags; /* GATE_GRANT_*, of any of the loader's grants */
	__u32 reserved;
	__u64 volumes; /* not 0 where a volume is what proves the file: see depend_on_volumes() in mark.bpf.h */
};

static __always_inline void conclude(struct gate_judgement *judgement, __u32 verdict, __u32 reason)
{
	judgement->verdict = verdict;
	judgement->reason = reason;
}

static long add_grant(__u64 index, struct gate_judgement *judgement)
{
	struct gate_grant *granted;

	if (!(judgement->grants >> (index & 63) & 1))
		return 0;
	granted = grant_of(judgement->generation, index);
	if (!granted)
		return 0;
	judgement->commands |= granted->plain_commands;
	judgement->flags |= granted->flags;
	return 0;
}

/* From a role in the policy to a verdict. A role this build does not know proves nothing. */
static __always_inline void conclude_role(struct gate_judgement *judgement, __u32 role, __u64 mask, __u32 reason)
{
	if (role == GATE_ROLE_LIBRARY) {
		conclude(judgement, GATE_VERDICT_LIBRARY, reason);
		return;
	}
	if (role != GATE_ROLE_LOADER || !mask) {
		conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
		return;
	}
	conclude(judgement, GATE_VERDICT_LOADER, reason);
	judgement->grants = mask;
	bpf_loop(GATE_MAX_GRANTS, add_grant, judgement, 0);
}

/*
 * Where the content read now is what is executed later, as far as IMA can say that at all: not on overlayfs, whose file
 * is not the one that is mapped, and not where somebody else supplies it (FUSE, network file systems).
 */
static __always_inline bool can_be_hashed(struct file *file)
{
	struct super_block *sb = file->f_inode->i_sb;

	if (sb->s_magic == OVERLAYFS_SUPER_MAGIC || sb->s_iflags & SB_I_IMA_UNVERIFIABLE_SIGNATURE)
		return false;
	/* A writer changes it after it was hashed; and IMA keeps a digest until the last writer has closed the file. */
	if (file->f_inode->i_writecount.counter > 0)
		return false;
	return sb->s_type->fs_flags & FS_REQUIRES_DEV || sb->s_magic == TMPFS_MAGIC;
}

/* What IMA computes, in the one algorithm that it is set to. */
static __always_inline bool measure_by_ima(struct file *file, struct gate_digest *digest,
					   struct gate_judgement *judgement)
{
	long algorithm;

	__builtin_memset(digest, 0, sizeof(*digest));
	if (!can_be_hashed(file))
		return false;
	algorithm = bpf_ima_file_hash(file, digest->value, sizeof(digest->value));
	if (algorithm < 0)
		return false;
	digest->algorithm = GATE_DIGEST_IMA | algorithm;
	if (algorithm == HASH_ALGO_SHA256)
		digest->size = 32;
	else if (algorithm == HASH_ALGO_SHA384)
		digest->size = 48;
	else if (algorithm == HASH_ALGO_SHA512)
		digest->size = 64;
	if (digest->size)
		return true;
	conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_DIGEST_UNKNOWN);
	__builtin_memset(digest, 0, sizeof(*digest));
	return false;
}

/* Fills message->digest; false when there is none that could be evidence. */
static __always_inline bool measure(struct file *file, struct gate_message *message, struct gate_policy *policy,
				    struct gate_judgement *judgement)
{
	struct gate_digest *digest = &message->digest;
	struct bpf_dynptr target;
	int err;

	__builtin_memset(digest, 0, sizeof(*digest));
	if (!bpf_ksym_exists(bpf_get_fsverity_digest) || bpf_dynptr_from_mem(digest, sizeof(*digest), 0, &target)) {
		conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
		return false;
	}
	err = bpf_get_fsverity_digest(file, &target);
	if (err < 0) {
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_NOT_SEALED);
		return policy->flags & GATE_POLICY_IMA && measure_by_ima(file, digest, judgement);
	}
	/* Kernels up to 6.18 truncate a digest that does not fit and still state its full size. Check both, always. */
	if ((digest->algorithm == FS_VERITY_HASH_ALG_SHA256 && digest->size == 32) ||
	    (digest->algorithm == FS_VERITY_HASH_ALG_SHA512 && digest->size == 64))
		return true;
	conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_DIGEST_UNKNOWN);
	return false;
}

static __always_inline bool same_digest(const struct gate_digest *a, const struct gate_digest *b)
{
	const __u64 *left = (const __u64 *)a->value, *right = (const __u64 *)b->value;
	__u64 difference = a->algorithm ^ b->algorithm;
	int i;

	for (i = 0; i < GATE_MAX_DIGEST / 8; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}

static __always_inline bool is_ima(const struct gate_digest *digest)
{
	return digest->algorithm & GATE_DIGEST_IMA;
}

static __always_inline struct gate_listed_digest *
find_listed(struct gate_workspace *workspace, const struct gate_digest *digest, __u32 flag, __u64 generation)
{
	workspace->key.bank = bank_of(generation);
	workspace->key.digest = *digest;
	workspace->key.digest.algorithm |= flag;
	return bpf_map_lookup_elem(&digests, &workspace->key);
}

static __always_inline bool is_listed(struct gate_workspace *workspace, struct gate_judgement *judgement)
{
	const struct gate_digest *digest = &workspace->message.digest;
	struct gate_listed_digest *listed = find_listed(workspace, digest, 0, judgement->generation);

	if (!listed)
		return false;
	/* Before any signature is looked at, and in place of a listing: both are in one map, under one key. */
	if (listed->role == GATE_ROLE_REVOKED) {
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_REVOKED);
		return true;
	}
	conclude_role(judgement, listed->role, listed->grants,
		      is_ima(digest) ? GATE_REASON_LISTED_IMA_DIGEST : GATE_REASON_LISTED_DIGEST);
	return true;
}

/* False with the judgement concluded. */
static __always_inline bool read_signature(struct file *file, struct gate_scratch *slot,
					   struct gate_judgement *judgement)
{
	struct bpf_dynptr target;
	int length;

	if (!bpf_ksym_exists(bpf_get_file_xattr) ||
	    bpf_dynptr_from_mem(slot->signature, sizeof(slot->signature), 0, &target)) {
		conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
		return false;
	}
	length = bpf_get_file_xattr(file, signature_xattr, &target);
	slot->length = length;
	if (length > 0)
		return true;
	if (length == -ERANGE)
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_SIGNATURE_TOO_LARGE);
	else if (length == 0)
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_SIGNATURE_MALFORMED);
	else
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_NO_SIGNATURE);
	return false;
}

/*
 * By name, so that a keyring is guarded from the moment it exists, and what others name so is theirs no longer. The
 * name counts for verifying, too: serials are numbers that are used again, and only administrators fill keyrings of
 * this name.
 */
static __always_inline bool is_gate_key(const struct key *key)
{
	static const char prefix[] = "bpfgate:";
	char name[sizeof(prefix)] = {};

	if (bpf_probe_read_kernel(name, sizeof(name) - 1, BPF_CORE_READ(key, description)))
		return false;
	return bpf_strncmp(name, sizeof(name) - 1, prefix) == 0;
}

static __always_inline int verify_with(__s32 keyring, struct gate_message *message, struct gate_scratch *slot)
{
	__u32 length = READ_ONCE(slot->length); /* read here, so that the verifier sees the bounds checked */
	struct bpf_dynptr data, signature;
	struct bpf_key *key;
	__u32 size = sizeof(*message) - GATE_MAX_DIGEST + 32;
	int err;

	if (message->digest.size == 48)
		size = sizeof(*message) - GATE_MAX_DIGEST + 48;
	if (message->digest.size == GATE_MAX_DIGEST)
		size = sizeof(*message);
	if (length == 0 || length > GATE_MAX_SIGNATURE)
		return -EINVAL;
	if (bpf_dynptr_from_mem(message, size, 0, &data) || bpf_dynptr_from_mem(slot->signature, length, 0, &signature))
		return -EINVAL;
	key = bpf_lookup_user_key(keyring, 0);
	if (!key)
		return -ENOENT;
	err = -ENOENT;
	if (is_gate_key(BPF_CORE_READ(key, key)))
		err = bpf_verify_pkcs7_signature(&data, &signature, key);
	bpf_key_put(key);
	return err;
}

/*
 * What a failed verification says about the file. A signer whose key is not the one named answers -ENOKEY; so
 * "mismatch" from any signer is the more telling finding and stays.
 */
static __always_inline __u32 reason_of_failure(int err, __u32 before)
{
	if (err == -ENOKEY)
		return before;
	if (err == -EKEYREJECTED)
		return GATE_REASON_SIGNATURE_MISMATCH;
	if (err == -ENOENT)
		return before == GATE_REASON_SIGNATURE_MISMATCH ? before : GATE_REASON_FAULT;
	return before == GATE_REASON_SIGNATURE_UNTRUSTED ? GATE_REASON_SIGNATURE_MALFORMED : before;
}

struct gate_verification {
	struct gate_message *message;
	struct gate_scratch *slot;
	struct gate_judgement *judgement;
	__u32 reason;
	__u32 good; /* the reason where one has signed it */
};

static long try_signer(__u64 index, struct gate_verification *verification)
{
	struct gate_judgement *judgement = verification->judgement;
	struct gate_signer *signer = signer_of(judgement->generation, index);
	int err;

	if (!signer)
		return 1;
	if (signer->role == GATE_ROLE_PROGRAM)
		return 0;
	err = verify_with(signer->keyring, verification->message, verification->slot);
	if (err == 0) {
		conclude_role(judgement, signer->role, signer->grants, verification->good);
		return 1;
	}
	verification->reason = reason_of_failure(err, verification->reason);
	/* A keyring that has gone, most likely with the policy it belonged to, says nothing about the file. */
	conclude(judgement, verification->reason == GATE_REASON_FAULT ? GATE_VERDICT_UNKNOWN : GATE_VERDICT_NO_EVIDENCE,
		 verification->reason);
	return 0;
}

static __always_inline void verify_signature(struct gate_message *message, struct gate_scratch *slot,
					     struct gate_policy *policy, struct gate_judgement *judgement)
{
	struct gate_verification verification = {
		.message = message,
		.slot = slot,
		.judgement = judgement,
		.reason = GATE_REASON_SIGNATURE_UNTRUSTED,
		.good = GATE_REASON_SIGNATURE,
	};
	__u16 algorithm = message->digest.algorithm;

	count(verified);
	conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_SIGNATURE_UNTRUSTED);
	__builtin_memcpy(message->magic, "FSVerity", 8);
	if (is_ima(&message->digest)) {
		__builtin_memcpy(message->magic, "IMAfile", 8);
		message->digest.algorithm &= ~GATE_DIGEST_IMA;
		verification.good = GATE_REASON_IMA_SIGNATURE;
	}
	bpf_loop(policy->keyring_count, try_signer, &verification, 0);
	message->digest.algorithm = algorithm;
}

static __always_inline bool kept_verdict(struct gate_kept_verdict *kept, struct gate_judgement *judgement)
{
	__u64 mask;
	__u32 role;
	bool valid;

	bpf_spin_lock(&kept->lock);
	valid = kept->generation == judgement->generation && kept->judged_at == kept->changes;
	role = kept->role;
	mask = kept->grants;
	bpf_spin_unlock(&kept->lock);
	if (!valid)
		return false;
	count(cached);
	conclude_role(judgement, role, mask, GATE_REASON_SIGNATURE);
	return true;
}

static __always_inline void keep_verdict(struct gate_kept_verdict *kept, __u64 changes,
					 struct gate_judgement *judgement)
{
	__u32 role = GATE_ROLE_LIBRARY;

	if (judgement->verdict == GATE_VERDICT_LOADER)
		role = GATE_ROLE_LOADER;
	else if (judgement->verdict != GATE_VERDICT_LIBRARY)
		return;
	bpf_spin_lock(&kept->lock);
	kept->role = role;
	kept->grants = judgement->grants;
	kept->generation = judgement->generation;
	kept->judged_at = changes;
	bpf_spin_unlock(&kept->lock);
}

/* Called when the file's signature is about to change, and after it has. */
static __always_inline void forget_verdict(struct inode *inode)
{
	struct gate_kept_verdict *kept = bpf_inode_storage_get(&verdicts, inode, 0, 0);

	if (!kept)
		return;
	bpf_spin_lock(&kept->lock);
	kept->changes++;
	kept->generation = GATE_NO_GENERATION;
	bpf_spin_unlock(&kept->lock);
}

static __always_inline void judge_signature(struct file *file, struct gate_workspace *workspace,
					    struct gate_policy *policy, struct gate_judgement *judgement)
{
	struct gate_kept_verdict *kept = NULL;
	struct gate_scratch *slot;
	__u64 changes = 0;

	/* What is not sealed may have other content the next time. */
	if (keep_verdicts && !is_ima(&workspace->message.digest))
		kept = bpf_inode_storage_get(&verdicts, file->f_inode, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (kept && kept_verdict(kept, judgement))
		return;
	if (kept)
		changes = READ_ONCE(kept->changes);
	WRITE_ONCE(workspace->verifying, 1);
	slot = claim_scratch(judgement->generation);
	if (!slot) {
		WRITE_ONCE(workspace->verifying, 0);
		conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_BUSY);
		return;
	}
	if (read_signature(file, slot, judgement))
		verify_signature(&workspace->message, slot, policy, judgement);
	WRITE_ONCE(workspace->verifying, 0);
	release_scratch(slot);
	if (kept)
		keep_verdict(kept, changes, judgement);
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

/* One judgement under the policy that is active now. `workspace` is the caller's own memory, in a map. */
static __noinline int judge_once(struct file *file, struct gate_workspace *workspace, struct gate_judgement *judgement)
{
	struct gate_message *message = &workspace->message;
	struct gate_policy *policy;

	__builtin_memset(judgement, 0, sizeof(*judgement));
	__builtin_memset(&message->digest, 0, sizeof(message->digest));
	judgement->generation = READ_ONCE(active_generation);
	conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
	policy = policy_of(judgement->generation);
	if (!policy)
		return 0;
	if (measure(file, message, policy, judgement) && !is_listed(workspace, judgement))
		judge_signature(file, workspace, policy, judgement);
	/* What is revoked is so wherever it is. */
	if (follow_volumes && judgement->reason != GATE_REASON_REVOKED &&
	    (judgement->verdict == GATE_VERDICT_NO_EVIDENCE || judgement->verdict == GATE_VERDICT_LIBRARY))
		judge_volume(file, workspace, policy, judgement);
	return 0;
}

/*
 * A policy update while judging may have mixed two policies (the bank was refilled). The generation tells: such a
 * judgement is made again, and after a second time it counts as unknown.
 */
static __always_inline void judge(struct file *file, struct gate_workspace *workspace, struct gate_judgement *judgement)
{
	judge_once(file, workspace, judgement);
	if (judgement->generation == READ_ONCE(active_generation))
		return;
	judge_once(file, workspace, judgement);
	if (judgement->generation == READ_ONCE(active_generation))
		return;
	conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
	judgement->grants = 0;
	judgement->commands = 0;
	judgement->flags = 0;
	judgement->volumes = 0;
}

#endif
