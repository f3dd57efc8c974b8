/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The buffers that signatures are read into, and who waits how long for one. */
#ifndef BPFGATE_SCRATCH_BPF_H
#define BPFGATE_SCRATCH_BPF_H

#include "policy.bpf.h"

/* Set before load: buffers in the pool, and how many claims a judgement tries before it gives up for now. */
const volatile __u32 scratch_slots = GATE_SCRATCH_SLOTS;
const volatile __u32 scratch_steps = GATE_SCRATCH_STEPS;
/*
 * A signature is too large for any stack, and a sleepable program can be preempted and can migrate, so per-CPU memory
 * would be a race. Hence a pool; `busy` is claimed with compare-and-swap.
 */
struct gate_scratch {
	__u32 busy;
	__u32 length;
	__u8 signature[GATE_MAX_SIGNATURE];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_SCRATCH_SLOTS); /* scratch_slots */
	__type(key, __u32);
	__type(value, struct gate_scratch);
} scratch SEC(".maps");

struct gate_claim {
	struct gate_scratch *slot;
	__u32 first;
	__s32 keyring;
};

/*
 * There is no kfunc to sleep with. Looking up a key allocates with GFP_KERNEL, and that is where a kernel without full
 * preemption lets the tasks run that hold the buffers. Once after every round is enough.
 */
static long try_to_claim(__u64 step, struct gate_claim *claim)
{
	__u32 index = (claim->first + step) % scratch_slots;
	struct gate_scratch *slot = bpf_map_lookup_elem(&scratch, &index);
	struct bpf_key *key;

	if (slot && __sync_val_compare_and_swap(&slot->busy, 0, 1) == 0) {
		claim->slot = slot;
		return 1;
	}
	if ((step + 1) % scratch_slots != 0)
		return 0;
	if (step + 1 == scratch_slots)
		count(scratch_waits);
	key = bpf_lookup_user_key(claim->keyring, 0);
	if (key)
		bpf_key_put(key);
	return 0;
}

static __always_inline struct gate_scratch *claim_scratch(__u64 generation)
{
	struct gate_claim claim = {.first = bpf_get_smp_processor_id()};
	struct gate_signer *signer = signer_of(generation, 0);

	if (signer)
		claim.keyring = signer->keyring;
	bpf_loop(scratch_steps, try_to_claim, &claim, 0);
	if (!claim.slot)
		count(scratch_exhausted);
	return claim.slot;
}

static __always_inline void release_scratch(struct gate_scratch *slot)
{
	__sync_lock_test_and_set(&slot->busy, 0);
}

#endif
