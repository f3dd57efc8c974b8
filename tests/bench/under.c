// SPDX-License-Identifier: MIT
// under OBJECT PROGRAM KEYRING COMMAND [ARGUMENT]...: runs COMMAND while the BPF program PROGRAM of OBJECT is attached,
// and ends with its status. KEYRING goes to the object's variable `keyring`, where it has one. Nothing stays behind:
// nothing is pinned.
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static _Noreturn void give_up(const char* what) {
  fprintf(stderr, "under: %s: %s\n", what, strerror(errno));
  exit(2);
}

static bool ends_with(const char* text, const char* end) {
  const size_t length = strlen(text), end_length = strlen(end);
  return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// The variable is the only one in .rodata; string literals have a section of their own.
static void set_keyring(struct bpf_object* object, const char* serial) {
  const int32_t keyring = atoi(serial);
  struct bpf_map* map;

  bpf_object__for_each_map(map, object) {
    if (!ends_with(bpf_map__name(map), ".rodata") || bpf_map__value_size(map) != sizeof(keyring)) continue;
    if (bpf_map__set_initial_value(map, &keyring, sizeof(keyring))) give_up("keyring");
  }
}

static int run(char** command) {
  int status;
  const pid_t child = fork();

  if (child == 0) {
    execvp(command[0], command);
    give_up(command[0]);
  }
  if (child < 0 || waitpid(child, &status, 0) != child) give_up("child");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 2;
}

int main(int count, char** arguments) {
  if (count < 5) {
    fprintf(stderr, "usage: under OBJECT PROGRAM KEYRING COMMAND [ARGUMENT]...\n");
    return 2;
  }
  struct bpf_object* object = bpf_object__open(arguments[1]);
  if (!object) give_up(arguments[1]);
  struct bpf_program* wanted = bpf_object__find_program_by_name(object, arguments[2]);
  struct bpf_program* program;
  if (!wanted) give_up(arguments[2]);
  bpf_object__for_each_program(program, object) bpf_program__set_autoload(program, program == wanted);
  set_keyring(object, arguments[3]);
  if (bpf_object__load(object)) give_up("load");
  if (!bpf_program__attach(wanted)) give_up("attach");
  return run(arguments + 4);
}
