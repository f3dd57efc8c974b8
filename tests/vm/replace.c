// SPDX-License-Identifier: MIT
// Puts the only program of a BPF object in the place of a function of a program that is loaded (freplace), and pins the
// link; with the word "load", only loads it for that, and pins the program.
//
//	replace OBJECT PROGRAM-ID FUNCTION PIN [load]
//
// Exits with 0, or with 1 where the kernel denied it, or with 2.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int failed(const char* what) {
  int error = errno;
  perror(what);
  return error == EPERM || error == ENOENT ? 1 : 2;
}

int main(int count, char** arguments) {
  if (count != 5 && count != 6) return 2;
  struct bpf_object* object = bpf_object__open_file(arguments[1], NULL);
  if (!object) return failed("open");
  struct bpf_program* program = bpf_object__next_program(object, NULL);
  int target = bpf_prog_get_fd_by_id((unsigned)strtoul(arguments[2], NULL, 10));
  if (target < 0) return failed("program");
  if (bpf_program__set_attach_target(program, target, arguments[3]) != 0) return failed("target");
  if (bpf_object__load(object) != 0) return failed("load");
  if (count == 6) return bpf_program__pin(program, arguments[4]) == 0 ? 0 : failed("pin");
  struct bpf_link* link = bpf_program__attach(program);
  if (!link) return failed("attach");
  if (bpf_link__pin(link, arguments[4]) != 0) return failed("pin");
  return 0;
}
