// SPDX-License-Identifier: MIT
/* An extension that was built with the struct of another version, and has no objection. */
// clang-format off: the second needs the first
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
// clang-format on

char LICENSE[] SEC("license") = "Dual MIT/GPL";

struct gate_question_2 {
  __u64 command;
};

SEC("freplace/gate_last_word")
int last_word(const struct gate_question_2* question) { return question && question->command == 0xff; }
