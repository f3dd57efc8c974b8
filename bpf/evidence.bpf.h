/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What proves a file: its fs-verity digest, listed in the policy, or signed by somebody the policy trusts
 * (signature.bpf.h); where the policy says so, the IMA digest of a file that is not sealed; or the dm-verity volume
 * that it is on (volume.bpf.h). judge() is the only function that concludes; everything it cannot establish is "no
 * evidence" or "unknown", never a verdict that allows. src/evidence is its twin in user space.
 */
#ifndef BPFGATE_EVIDENCE_BPF_H
#define BPFGATE_EVIDENCE_BPF_H

#include "mark.bpf.h"
#include "signature.bpf.h"

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

/* What the policy makes of the file, beginning with what `judgement` is already. */
static __always_inline void judge_by(struct gate_policy *policy, struct file *file, struct gate_workspace *workspace,
				     struct gate_judgement *judgement)
{
	struct gate_message *message = &workspace->message;

	if (measure(file, message, policy, judgement) && !is_listed(workspace, judgement))
		judge_signature(file, workspace, policy, judgement);
	/* What is revoked is so wherever it is. */
	if (follow_volumes && policy->flags & (GATE_POLICY_VOLUMES | GATE_POLICY_SIGNED_VOLUMES) &&
	    judgement->reason != GATE_REASON_REVOKED &&
	    (judgement->verdict == GATE_VERDICT_NO_EVIDENCE || judgement->verdict == GATE_VERDICT_LIBRARY))
		judge_volume(file, workspace, policy, judgement);
	if (judgement->grants)
		bpf_loop(GATE_MAX_GRANTS, add_grant, judgement, 0);
}

/*
 * One judgement under the policy that is active now. The digest is left in the workspace of the current thread. Global,
 * so that it is verified once and not wherever a file is judged.
 */
__noinline int judge_once(struct file *file __arg_trusted, struct gate_judgement *judgement)
{
	struct gate_judgement found = {}; /* a loop's context must be on the stack of the function that it is in */
	struct gate_task *thread = current_thread();
	struct gate_policy *policy;

	if (!judgement)
		return -EINVAL;
	found.generation = READ_ONCE(active_generation);
	conclude(&found, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
	policy = policy_of(found.generation);
	if (thread)
		__builtin_memset(&thread->workspace.message.digest, 0, sizeof(struct gate_digest));
	if (thread && policy)
		judge_by(policy, file, &thread->workspace, &found);
	*judgement = found;
	return 0;
}

/*
 * A policy update while judging may have mixed two policies (the bank was refilled). The generation tells: such a
 * judgement is made again, and after a second time it counts as unknown.
 */
static __always_inline void judge(struct file *file, struct gate_judgement *judgement)
{
	judge_once(file, judgement);
	if (judgement->generation == READ_ONCE(active_generation))
		return;
	judge_once(file, judgement);
	if (judgement->generation == READ_ONCE(active_generation))
		return;
	__builtin_memset(judgement, 0, sizeof(*judgement));
	conclude(judgement, GATE_VERDICT_UNKNOWN, GATE_REASON_FAULT);
}

#endif
