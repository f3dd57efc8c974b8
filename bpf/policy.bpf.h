/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* The policy as user space wrote it: two banks in maps, and the generation that says which one counts. */
#ifndef BPFGATE_POLICY_BPF_H
#define BPFGATE_POLICY_BPF_H

#include "kernel.bpf.h"

#include "gate_abi.h"

/* In a section, and so in a map, of its own: flipping it must write nothing else. */
__u64 active_generation SEC(".data.active") = GATE_NO_GENERATION;

/* Likewise: GATE_UNSEALED, GATE_SEALED ... */
__u64 sealed SEC(".data.sealed") = GATE_UNSEALED;

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_BANKS);
	__type(key, __u32);
	__type(value, struct gate_policy);
} policies SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_BANKS *GATE_MAX_KEYRINGS);
	__type(key, __u32);
	__type(value, struct gate_signer);
} signers SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_BANKS *GATE_MAX_GRANTS);
	__type(key, __u32);
	__type(value, struct gate_grant);
} grants SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_BANKS *GATE_MAX_DIGESTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gate_digest_key);
	__type(value, struct gate_listed_digest);
} digests SEC(".maps");

/* For user space alone. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_BANKS *GATE_MAX_AUTHORITIES);
	__type(key, __u32);
	__type(value, struct gate_authority);
} authorities SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct gate_counters);
} counters SEC(".maps");

#define count(field)                                                                                                   \
	do {                                                                                                           \
		__u32 zero_ = 0;                                                                                       \
		struct gate_counters *counters_ = bpf_map_lookup_elem(&counters, &zero_);                              \
		if (counters_)                                                                                         \
			__sync_fetch_and_add(&counters_->field, 1);                                                    \
	} while (0)

static __always_inline __u32 bank_of(__u64 generation)
{
	return generation & 1;
}

/* NULL when the bank has been given to a newer policy meanwhile: the caller's generation is no longer active. */
static __always_inline struct gate_policy *policy_of(__u64 generation)
{
	__u32 bank = bank_of(generation);
	struct gate_policy *policy = bpf_map_lookup_elem(&policies, &bank);

	if (!policy || generation == GATE_NO_GENERATION || READ_ONCE(policy->generation) != generation)
		return NULL;
	return policy;
}

/* A mode that is neither audit nor enforce, and a policy that is not there, refuse. */
static __always_inline bool only_audits(const struct gate_policy *policy)
{
	return policy && policy->mode == GATE_MODE_AUDIT;
}

/* Before the seal an audited gate only says what it would do. A policy that is not there refuses. */
static __always_inline bool guard_only_audits(void)
{
	__u64 seal = READ_ONCE(sealed);

	return (seal == GATE_UNSEALED || seal == GATE_RELEASED) && only_audits(policy_of(READ_ONCE(active_generation)));
}

static __always_inline struct gate_grant *grant_of(__u64 generation, __u32 grant)
{
	__u32 index = bank_of(generation) * GATE_MAX_GRANTS + grant;

	if (grant >= GATE_MAX_GRANTS)
		return NULL;
	return bpf_map_lookup_elem(&grants, &index);
}

/* The lowest of a set of grants, for messages; one past the last where the set is empty. */
static __always_inline __u32 first_of(__u64 set)
{
	return set ? __builtin_ctzll(set) : 64;
}

static __always_inline struct gate_signer *signer_of(__u64 generation, __u32 signer)
{
	__u32 index = bank_of(generation) * GATE_MAX_KEYRINGS + signer;

	if (signer >= GATE_MAX_KEYRINGS)
		return NULL;
	return bpf_map_lookup_elem(&signers, &index);
}

#endif
