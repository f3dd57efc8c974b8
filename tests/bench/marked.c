// SPDX-License-Identifier: MIT
// What scripts/bench counts the instructions of: does one thing again and again, each round between two magic no-ops
// that tests/vm/plugin/insn_count.c knows. Linked statically, so that it is a whole loader by itself, and so that the
// program it executes has no dynamic linker to vary.
//
// marked KIND ROUNDS ARGUMENT, where KIND is
// - bpf: ARGUMENT calls of bpf(BPF_MAP_LOOKUP_ELEM), the cheapest command, on a map of its own
// - exec: fork, execute the program ARGUMENT, wait
// - spawn: the same by posix_spawn(), whose child shares this process's memory until it executes
// - once: a single magic, which ends what was begun when the machine was; ARGUMENT is left alone
// - judge: as exec, of a program whose signature was written anew just before, so that no verdict on it is known
#include <linux/bpf.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char** environ;

static _Noreturn void give_up(const char* what) {
  perror(what);
  exit(2);
}

static void mark(void) { __asm__ volatile("xchg %%rbx, %%rbx" ::: "memory"); }

// As large as libbpf makes it: the kernel copies no more than the fields of the command.
static long look_up(int map) {
  const uint32_t key = 0;
  uint64_t value;
  union bpf_attr attr;

  memset(&attr, 0, sizeof(attr));
  attr.map_fd = (unsigned)map;
  attr.key = (uintptr_t)&key;
  attr.value = (uintptr_t)&value;
  return syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attr, offsetof(union bpf_attr, flags) + sizeof(attr.flags));
}

static int make_map(void) {
  union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};
  const long map = syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
  if (map < 0) give_up("BPF_MAP_CREATE");
  return (int)map;
}

static void bpf_round(char* argument) {
  static int map = -1;
  const long calls = atol(argument);

  if (map < 0) map = make_map();
  mark();
  for (long i = 0; i < calls; i++)
    if (look_up(map)) give_up("BPF_MAP_LOOKUP_ELEM");
  mark();
}

static void wait_for(pid_t child) {
  int status;

  if (child < 0 || waitpid(child, &status, 0) != child) give_up("child");
  if (status != 0) {
    fprintf(stderr, "the child ended with status %#x\n", (unsigned)status);
    exit(2);
  }
}

static void exec_round(char* program) {
  char* const arguments[] = {program, NULL};

  mark();
  const pid_t child = fork();
  if (child == 0) {
    execv(program, arguments);
    _exit(127);
  }
  wait_for(child);
  mark();
}

static void judge_round(char* program) {
  static const char name[] = "user.bpf_prog_sig";
  static char signature[16384];
  const ssize_t size = getxattr(program, name, signature, sizeof(signature));

  if (size < 0 || setxattr(program, name, signature, (size_t)size, 0)) give_up(program);
  exec_round(program);
}

static void spawn_round(char* program) {
  char* const arguments[] = {program, NULL};
  pid_t child = -1;

  mark();
  if (posix_spawn(&child, program, NULL, NULL, arguments, environ)) give_up(program);
  wait_for(child);
  mark();
}

static void once_round(char* unused) {
  (void)unused;
  mark();
}

int main(int count, char** arguments) {
  static const struct {
    const char* name;
    void (*round)(char*);
  } kinds[] = {
      {"bpf", bpf_round}, {"exec", exec_round}, {"spawn", spawn_round}, {"judge", judge_round}, {"once", once_round}};

  for (size_t i = 0; count == 4 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
    if (strcmp(arguments[1], kinds[i].name) != 0) continue;
    for (long rounds = atol(arguments[2]); rounds > 0; rounds--) kinds[i].round(arguments[3]);
    return 0;
  }
  fprintf(stderr, "usage: marked bpf ROUNDS CALLS | exec|spawn|judge ROUNDS PROGRAM | once 1 -\n");
  return 2;
}
