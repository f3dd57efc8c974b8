/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* PKCS#7 in the xattr user.bpf_prog_sig, by somebody whom the policy trusts, and what is remembered of it. */
#ifndef BPFGATE_SIGNATURE_BPF_H
#define BPFGATE_SIGNATURE_BPF_H

#include "judgement.bpf.h"
#include "scratch.bpf.h"

static const char signature_xattr[] = "user.bpf_prog_sig";

/*
 * Set where the kernel has inode_post_setxattr and inode_post_removexattr (6.9). Without them a signature could be
 * replaced between the hook that forgets the verdict and the change itself, so verdicts are not kept.
 */
const volatile bool keep_verdicts = false;

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
	/* Read here, so that the verifier sees the bounds checked. Of the sizes there are measure() has seen to. */
	__u32 length = READ_ONCE(slot->length), size = READ_ONCE(message->digest.size);
	struct bpf_dynptr data, signature;
	struct bpf_key *key;
	int err;

	if (length == 0 || length > GATE_MAX_SIGNATURE || size > GATE_MAX_DIGEST)
		return -EINVAL;
	size += sizeof(*message) - GATE_MAX_DIGEST;
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
	struct gate_workspace *workspace;
	struct gate_scratch *slot;
	struct gate_judgement *judgement;
};

static long try_signer(__u64 index, struct gate_verification *verification)
{
	struct gate_workspace *workspace = verification->workspace;
	struct gate_judgement *judgement = verification->judgement;
	struct gate_signer *signer = signer_of(judgement->generation, index);
	int err;

	if (!signer)
		return 1;
	if (signer->role == GATE_ROLE_PROGRAM)
		return 0;
	err = verify_with(signer->keyring, &workspace->message, verification->slot);
	if (err == 0) {
		conclude_role(judgement, signer->role, signer->grants, GATE_REASON_SIGNATURE);
		return 1;
	}
	workspace->failure = reason_of_failure(err, workspace->failure);
	return 0;
}

static __always_inline void verify_signature(struct gate_workspace *workspace, struct gate_scratch *slot,
					     struct gate_policy *policy, struct gate_judgement *judgement)
{
	struct gate_message *message = &workspace->message;
	struct gate_verification verification = {
		.workspace = workspace,
		.slot = slot,
		.judgement = judgement,
	};
	__u16 algorithm = message->digest.algorithm;

	count(verified);
	conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_SIGNATURE_UNTRUSTED);
	workspace->failure = GATE_REASON_SIGNATURE_UNTRUSTED;
	__builtin_memcpy(message->magic, "FSVerity", 8);
	if (is_ima(&message->digest)) {
		__builtin_memcpy(message->magic, "IMAfile", 8);
		message->digest.algorithm &= ~GATE_DIGEST_IMA;
	}
	bpf_loop(policy->keyring_count, try_signer, &verification, 0);
	message->digest.algorithm = algorithm;
	if (judgement->reason == GATE_REASON_SIGNATURE && is_ima(&message->digest))
		judgement->reason = GATE_REASON_IMA_SIGNATURE;
	if (judgement->verdict != GATE_VERDICT_NO_EVIDENCE)
		return;
	/* A keyring that has gone, most likely with the policy it belonged to, says nothing about the file. */
	if (workspace->failure == GATE_REASON_FAULT)
		judgement->verdict = GATE_VERDICT_UNKNOWN;
	judgement->reason = workspace->failure;
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
		verify_signature(workspace, slot, policy, judgement);
	WRITE_ONCE(workspace->verifying, 0);
	release_scratch(slot);
	if (kept)
		keep_verdict(kept, changes, judgement);
}

#endif
