// SPDX-License-Identifier: MIT
/*
 * An extension that objects to every call but those of which one member of the question has one value. Which member and
 * which value an administrator writes into its data, of which nobody else gets hold: a gate for each wish would take
 * minutes to load.
 */
// clang-format off: the second needs the first
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
// clang-format on

#include "gate_extension.h"

char LICENSE[] SEC("license") = "Dual MIT/GPL";

/* Of struct gate_question_1, in its order. */
enum member {
  COMMAND,
  PROGRAM_TYPE,
  MAP_TYPE,
  ATTACH_TYPE,
  TARGET,
  BY_KERNEL,
  PID,
  TGID,
  UID,
  GID,
  VERDICT,
  REASON,
  GENERATION,
  GRANT,
};

struct wish {
  __u64 member;
  __u64 value;
  char grant[64];
};

/* Before there is any, no member has the value. In .data, because .rodata is frozen. */
volatile struct wish wish = {.member = ~0ULL};

static __always_inline __u64 value_of(const struct gate_question_1* question, __u64 member, __u64 otherwise) {
  switch (member) {
    case COMMAND:
      return question->command;
    case PROGRAM_TYPE:
      return question->program_type;
    case MAP_TYPE:
      return question->map_type;
    case ATTACH_TYPE:
      return question->attach_type;
    case TARGET:
      return question->target;
    case BY_KERNEL:
      return question->by_kernel;
    case PID:
      return question->pid;
    case TGID:
      return question->tgid;
    case UID:
      return question->uid;
    case GID:
      return question->gid;
    case VERDICT:
      return question->verdict;
    case REASON:
      return question->reason;
    case GENERATION:
      return question->generation;
    default:
      return otherwise;
  }
}

SEC("freplace/gate_last_word")
int last_word(const struct gate_question_1* question) {
  __u64 member = wish.member, value = wish.value;
  int i;

  if (!question) return 1;
  if (member != GRANT) return value_of(question, member, ~value) != value;
  /* All of it: what is behind the name must be nothing. */
  for (i = 0; i < (int)sizeof(wish.grant); i++)
    if (question->grant[i] != wish.grant[i]) return 1;
  return 0;
}
