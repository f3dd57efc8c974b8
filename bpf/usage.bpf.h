/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What a program calls in the kernel, read from its instructions before the verifier has seen them: of all its
 * subprograms, reachable or not. The opcode and fields are those of include/uapi/linux/bpf.h.
 */
#ifndef BPFGATE_USAGE_BPF_H
#define BPFGATE_USAGE_BPF_H

#include "policy.bpf.h"

#define GATE_CHUNK 32  /* instructions read at once */
#define CALL_OPCODE 0x85 /* BPF_JMP | BPF_CALL */
#define CALL_HELPER 0
#define CALL_KFUNC 2 /* BPF_PSEUDO_KFUNC_CALL */

struct gate_usage {
	__u64 helpers[GATE_MAX_HELPERS / 64]; /* bit N is helper N */
	__u32 kfuncs[GATE_EVENT_KFUNCS];	 /* the first of them, by id, each once */
	__u32 kfunc_count; /* of these, and of the calls of others */
	__u32 denied;
	__u64 code; /* address */
	__u32 length;    /* in instructions */
	bool later_helpers; /* from GATE_MAX_HELPERS on */
	bool module_kfuncs;
	bool unreadable;
	/* Not struct bpf_insn: since 6.11 the kernel takes no bit fields in a value that has a lock. */
	__u64 chunk[GATE_CHUNK];
};

/* One look at all instructions: what to do with a kfunc that is called. */
struct gate_look {
	struct gate_usage *usage;
	__u64 generation;
	__u32 grant;
	bool collects; /* else asks about kfuncs */
	bool only_listed;
	__u32 refused; /* 0 or 1: a loop's answer must be in range to the verifier's eyes */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_BANKS *GATE_MAX_FUNCTIONS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct gate_function);
	__type(value, __u32);
} functions SEC(".maps");

static __always_inline bool has_function(__u64 generation, __u32 grant, __u32 kind, __u32 id)
{
	struct gate_function function = {.bank = bank_of(generation), .grant = grant, .kind = kind, .id = id};

	return bpf_map_lookup_elem(&functions, &function) != NULL;
}

/*
 * Numbers far beyond any helper's are what libbpf leaves where a field or function is not there; the verifier refuses
 * them wherever they can be reached.
 */
#define FIRST_POISON 0x10000

static __always_inline void note_helper(struct gate_usage *usage, __u32 helper)
{
	if (helper >= FIRST_POISON)
		return;
	if (helper >= GATE_MAX_HELPERS)
		usage->later_helpers = true;
	else
		usage->helpers[helper / 64 & 3] |= 1ULL << (helper & 63);
}

/* struct bpf_insn of include/uapi/linux/bpf.h, on a little-endian machine. */
static __always_inline __u8 opcode_of(__u64 instruction)
{
	return instruction;
}

static __always_inline __u8 source_of(__u64 instruction)
{
	return instruction >> 12 & 0xf;
}

static __always_inline __u16 offset_of(__u64 instruction)
{
	return instruction >> 16;
}

static __always_inline __u32 immediate_of(__u64 instruction)
{
	return instruction >> 32;
}

/*
 * What is called often is noted once, or nobody could tell what a program with many calls may be granted. Id 0, a
 * function that the kernel lacks, finds an empty place and counts: no list has it.
 */
static __always_inline void note_kernel_function(struct gate_usage *usage, __u32 id)
{
	__u32 i;

	for (i = 0; i < GATE_EVENT_KFUNCS; i++) {
		if (!usage->kfuncs[i]) {
			usage->kfuncs[i] = id;
			break;
		}
		if (usage->kfuncs[i] == id)
			return;
	}
	usage->kfunc_count++;
}

static __always_inline void note_kfunc(struct gate_usage *usage, __u64 instruction)
{
	if (!offset_of(instruction)) {
		note_kernel_function(usage, immediate_of(instruction));
		return;
	}
	usage->module_kfuncs = true;
	usage->kfunc_count++;
}

static __always_inline void look_at(struct gate_look *look, __u64 instruction)
{
	struct gate_usage *usage = look->usage;

	if (opcode_of(instruction) != CALL_OPCODE)
		return;
	if (look->collects && source_of(instruction) == CALL_HELPER)
		note_helper(usage, immediate_of(instruction));
	if (source_of(instruction) != CALL_KFUNC)
		return;
	if (look->collects) {
		note_kfunc(usage, instruction);
	} else if (has_function(look->generation, look->grant, GATE_KFUNC, immediate_of(instruction)) !=
		   look->only_listed) {
		usage->denied = immediate_of(instruction);
		look->refused = 1;
	}
}

static long look_at_next(__u64 index, struct gate_look *look)
{
	look_at(look, look->usage->chunk[index & (GATE_CHUNK - 1)]);
	return look->refused & 1;
}

/* The verifier goes through bpf_loop()'s turns until nothing new comes of them, and through any other loop's to the
 * end. */
static long look_at_chunk(__u64 index, struct gate_look *look)
{
	struct gate_usage *usage = look->usage;
	__u32 left = usage->length - index * GATE_CHUNK;

	if (left > GATE_CHUNK)
		left = GATE_CHUNK;
	if (bpf_probe_read_kernel(usage->chunk, left * sizeof(usage->chunk[0]),
				  (const void *)(usage->code + index * sizeof(usage->chunk)))) {
		usage->unreadable = true;
		look->refused = 1;
		return 1;
	}
	bpf_loop(left, look_at_next, look, 0);
	return look->refused & 1;
}

static __always_inline void look_at_all(struct gate_look *look)
{
	struct gate_usage *usage = look->usage;

	/* A million instructions is the kernel's own limit, and fewer steps than bpf_loop() makes. */
	bpf_loop((usage->length + GATE_CHUNK - 1) / GATE_CHUNK, look_at_chunk, look, 0);
}

/* `usage` is the caller's own memory, in a map. */
__noinline int collect_usage(struct gate_usage *usage, __u64 program)
{
	struct gate_look look = {.usage = usage, .collects = true};

	if (!usage)
		return -EINVAL;
	__builtin_memset(usage, 0, sizeof(*usage));
	usage->code = program + bpf_core_field_offset(struct bpf_prog, insnsi);
	if (bpf_probe_read_kernel(&usage->length, sizeof(usage->length),
				  (const void *)(program + bpf_core_field_offset(struct bpf_prog, len)))) {
		usage->unreadable = true;
		return 0;
	}
	look_at_all(&look);
	return 0;
}

static __always_inline bool allows_kfuncs(__u64 generation, __u32 grant, bool only_listed, struct gate_usage *usage)
{
	struct gate_look look = {.usage = usage, .generation = generation, .grant = grant, .only_listed = only_listed};

	look_at_all(&look);
	return !look.refused;
}

#endif
