/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What all kinds of evidence share: the workspace of a judgement, its conclusion, and digests that the policy lists. */
#ifndef BPFGATE_JUDGEMENT_BPF_H
#define BPFGATE_JUDGEMENT_BPF_H

#include "usage.bpf.h"

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
	__u32 failure; /* of signatures; on the stack the verifier would go on with each value of it apart */
	__u32 verifying; /* it may search the gate's keyrings: see guard_key in guard.bpf.c */
	struct gate_usage usage; /* of the program it is about to load */
	struct gate_vouching vouching;
};

/* An extension has the last word: no call may be allowed without asking it. */
const volatile bool has_extension = false;

struct gate_judgement {
	__u64 generation; /* of the policy it was made under */
	__u64 grants; /* the loader's; 0 for all else */
	__u64 commands; /* that they allow whatever the call is about */
	__u32 verdict; /* enum gate_verdict */
	__u32 reason; /* enum gate_reason */
	__u32 flags; /* GATE_GRANT_*, of any of the loader's grants */
	__u32 reserved;
	__u64 volumes; /* not 0 where a volume is what proves the file: see depend_on_volumes() in mark.bpf.h */
};

static __always_inline void conclude(struct gate_judgement *judgement, __u32 verdict, __u32 reason)
{
	judgement->verdict = verdict;
	judgement->reason = reason;
}

/* What the loader's grants allow between them. */
static long add_grant(__u64 index, struct gate_judgement *judgement)
{
	struct gate_grant *granted;

	if (!(judgement->grants >> (index & 63) & 1))
		return 0;
	granted = grant_of(judgement->generation, index);
	if (!granted)
		return 0;
	if (!has_extension)
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

#endif
