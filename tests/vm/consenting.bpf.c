// SPDX-License-Identifier: MIT
/* An extension that has no objection to anything but what a loader does that is none any more. */
// clang-format off: the second needs the first
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
// clang-format on

#include "gate_abi.h"
#include "gate_extension.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

__u64 asked = 0; /* in .bss, which libbpf would let processes map */

SEC("freplace/gate_last_word")
int last_word(const struct gate_question_1* question) {
  if (!question) return 1;
  __sync_fetch_and_add(&asked, 1);
  return question->command == BPF_PROG_GET_NEXT_ID && question->verdict != GATE_VERDICT_LOADER;
}
