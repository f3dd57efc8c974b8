/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * For those who write an extension of the gate: a BPF program that has the last word on calls of bpf(2) which the gate
 * would allow. It can only refuse. The manifest names its object file (docs/MANIFEST.md), which holds one program,
 *
 *	SEC("freplace/gate_last_word")
 *	int last_word(const struct gate_question_1 *question)
 *
 * and what it answers is 0 for no objection, anything else to refuse. It may call what LSM programs may call, but not
 * sleep. bpf/last_word_example.bpf.c is one.
 */
#ifndef BPFGATE_GATE_EXTENSION_H
#define BPFGATE_GATE_EXTENSION_H

#ifndef __bpf__ /* BPF takes these types from vmlinux.h */
#include <linux/types.h>
#endif

#define GATE_QUESTION_NONE 0xffffffffU /* the call has no such type */
#define GATE_QUESTION_UNKNOWN 64 /* a number that no kernel has given to a type yet; the exact one is not told */

/*
 * One call, by the current thread. Nothing in it is a pointer, and nothing is read again after the answer.
 * The number in its name grows with every change: names are what the kernel compares where it attaches an extension
 * (btf_check_func_type_match() in kernel/bpf/btf.c), sizes and members are not.
 */
struct gate_question_1 {
	__u32 command; /* enum bpf_cmd */
	__u32 program_type; /* enum bpf_prog_type for BPF_PROG_LOAD, else GATE_QUESTION_NONE */
	__u32 map_type; /* enum bpf_map_type for BPF_MAP_CREATE, else GATE_QUESTION_NONE */
	__u32 attach_type; /* enum bpf_attach_type where there is one, else GATE_QUESTION_NONE */
	__u32 target;     /* of BPF_PROG_LOAD: the BTF id of the kernel's function it is for, or 0 */
	__u32 by_kernel;	 /* 1: made by the kernel, for a program that the process runs (a light skeleton) */
	__u32 pid;	   /* thread */
	__u32 tgid;	    /* process */
	__u32 uid;	   /* effective ids, as the initial user namespace counts them */
	__u32 gid;
	__u32 verdict; /* enum gate_verdict (gate_abi.h) of the process's file; 0: the process has no mark */
	__u32 reason;     /* enum gate_reason: what proved it, or why nothing did */
	__u64 generation; /* of the policy that allows the call */
	char grant[64]; /* the first that does, NUL-terminated; of BPF_PROG_LOAD as far as that is known before its code
			   is */
};

#ifdef __cplusplus
static_assert(sizeof(struct gate_question_1) == 120);
#else
_Static_assert(sizeof(struct gate_question_1) == 120, "gate_question_1 has changed its size");
#endif

#endif
