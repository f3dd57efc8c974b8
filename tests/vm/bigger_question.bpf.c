// SPDX-License-Identifier: MIT
/* An extension with an idea of its own of the struct, and the right name for it: it would read what is beside. */
// clang-format off: the second needs the first
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct gate_question_1 {
  __u64 members[64];
};

SEC("freplace/gate_last_word")
int last_word(const struct gate_question_1* question) { return question && question->members[63] != 0; }
