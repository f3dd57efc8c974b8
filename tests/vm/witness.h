// SPDX-License-Identifier: MIT
/*
 * What the witnesses share: how they end, and the question they ask. Exit status:
 *
 *   0  the call was allowed
 *   1  it was denied with EPERM, the errno the gate uses
 *   2  the verb could not be carried out, which proves nothing
 *   3  the call failed with another errno, which proves nothing either
 */
#pragma once

#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

enum { allowed = 0, denied = 1, could_not_try = 2, other_error = 3 };

static inline int give_up(const char* what) {
  fprintf(stderr, "witness: %s: %s\n", what, strerror(errno));
  return could_not_try;
}

static inline int status_of(long result) {
  if (result >= 0) return allowed;
  if (errno == EPERM) return denied;
  fprintf(stderr, "witness: bpf: %s\n", strerror(errno));
  return other_error;
}

static inline long bpf(int command, union bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof(*attr)); }

/* The cheapest question there is. That there is no program at all is an answer, too. */
static inline int call_bpf(void) {
  union bpf_attr attr = {};
  long result = bpf(BPF_PROG_GET_NEXT_ID, &attr);

  return result < 0 && errno == ENOENT ? allowed : status_of(result);
}

static inline int wait_for(pid_t child) {
  int status;

  if (child < 0) return give_up("fork");
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return give_up("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : could_not_try;
}

struct verb {
  const char* name;
  int (*run)(char** arguments);
};

static inline int run_verb(const char* program, const struct verb* verbs, size_t verb_count, int count,
                           char** arguments) {
  /* For a program that does not choose its own arguments, because it is run as somebody's interpreter. */
  const char* verb = getenv("WITNESS_VERB") ? getenv("WITNESS_VERB") : count > 1 ? arguments[1] : "";
  size_t i;

  for (i = 0; i < verb_count; i++)
    if (!strcmp(verb, verbs[i].name)) return verbs[i].run(arguments + (count > 1 ? 2 : 1));
  fprintf(stderr, "usage: %s VERB [ARGUMENT]...; the verbs:\n", program);
  for (i = 0; i < verb_count; i++) fprintf(stderr, "  %s\n", verbs[i].name);
  return could_not_try;
}
