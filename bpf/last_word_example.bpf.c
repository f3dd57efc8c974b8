// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * An example of an extension (gate_extension.h): a change window. New programs and links are refused to everybody
 * but one user, whatever the policy allows; who reads maps and what is loaded already is let be.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "gate_extension.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Set it here, and build anew: the digest in the manifest is over it. */
const volatile __u32 operator_uid = 0;

SEC("freplace/gate_last_word")
int last_word(const struct gate_question_1 *question)
{
	if (!question)
		return 1;
	switch (question->command) {
	case BPF_PROG_LOAD:
	case BPF_PROG_ATTACH:
	case BPF_LINK_CREATE:
	case BPF_LINK_UPDATE:
	case BPF_RAW_TRACEPOINT_OPEN:
		return question->uid != operator_uid;
	default:
		return 0;
	}
}
