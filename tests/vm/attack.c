// SPDX-License-Identifier: MIT
/*
 * One verb per way to lay hands on a gate: here on its maps, programs and links, in attack_mounts.c on its pins and on
 * what is mounted, in attack_keys.c on its keys. Run on the gate's own objects, and on decoys of one's own that look
 * the same, it shows what the guard refuses and that it refuses nothing else. Exit status as in witness.c:
 *
 *   0  it went through
 *   1  it was denied with the errno that the defence gives
 *   2  the verb could not be carried out, which proves nothing
 *   3  it failed with another errno, which proves nothing either
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack.h"

int give_up(const char* what) {
  fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
  return could_not_try;
}

int denied_by(long result, int expected) {
  if (result >= 0) return allowed;
  if (errno == expected) return denied;
  fprintf(stderr, "attack: %s\n", strerror(errno));
  return other_error;
}

int status_of(long result) { return denied_by(result, EPERM); }

/* The gate's own maps, programs and links are not there for others. */
static int reached(long result) { return denied_by(result, ENOENT); }

static long bpf(int command, union bpf_attr* attr) { return syscall(SYS_bpf, command, attr, sizeof(*attr)); }

static uint32_t number(const char* text) { return (uint32_t)strtoul(text, NULL, 0); }

static long by_id(int command, const char* id, uint32_t flags) {
  union bpf_attr attr = {.map_id = number(id), .open_flags = flags};

  return bpf(command, &attr);
}

static long by_path(const char* path, uint32_t flags) {
  union bpf_attr attr = {.pathname = (uintptr_t)path, .file_flags = flags};

  return bpf(BPF_OBJ_GET, &attr);
}

static int pin(long fd, const char* path) {
  union bpf_attr attr = {.pathname = (uintptr_t)path, .bpf_fd = (uint32_t)fd};

  return fd < 0 ? give_up(path) : status_of(bpf(BPF_OBJ_PIN, &attr));
}

static long load_program(void) {
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attr = {
      .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = (uintptr_t)code, .insn_cnt = 2, .license = (uintptr_t)"GPL"};

  return bpf(BPF_PROG_LOAD, &attr);
}

static int verb_map_by_id(char** arguments) { return reached(by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0)); }

/* Frozen maps, too, are written by a program of one's own that uses such a descriptor. */
static int verb_map_by_id_to_read(char** arguments) {
  return reached(by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], BPF_F_RDONLY));
}

/* Gets one, makes a file to say so, and keeps it until it is killed. */
static int verb_hold_map(char** arguments) {
  long map = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0);

  if (map < 0 || creat(arguments[1], 0600) < 0) return give_up("hold");
  for (;;) pause();
}

/* A map whose elements are maps like the one named. */
static int verb_map_in_map(char** arguments) {
  long inner = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0);
  union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS, .key_size = 4, .value_size = 4, .max_entries = 1};

  if (inner < 0) return reached(inner);
  attr.inner_map_fd = (uint32_t)inner;
  return status_of(bpf(BPF_MAP_CREATE, &attr));
}

/* The ring buffer's pages: whoever has them takes events away. */
static int verb_map_pages(char** arguments) {
  long map = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0);

  if (map < 0) return reached(map);
  return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, (int)map, 0) == MAP_FAILED ? give_up("mmap") : allowed;
}

static int verb_program_by_id(char** arguments) { return reached(by_id(BPF_PROG_GET_FD_BY_ID, arguments[0], 0)); }

/* One more map for a program: BPF_PROG_BIND_MAP. */
static int verb_bind_map(char** arguments) {
  long program = by_id(BPF_PROG_GET_FD_BY_ID, arguments[0], 0);
  union bpf_attr create = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  union bpf_attr bind = {};

  if (program < 0) return reached(program);
  bind.prog_bind_map.prog_fd = (uint32_t)program;
  bind.prog_bind_map.map_fd = (uint32_t)bpf(BPF_MAP_CREATE, &create);
  return status_of(bpf(BPF_PROG_BIND_MAP, &bind));
}

/* The other way round: a program of one's own that has a map of somebody else's, and is pinned. */
static int verb_share_map(char** arguments) {
  long map = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0), program = load_program();
  union bpf_attr bind = {};

  if (map < 0) return reached(map);
  if (program < 0) return give_up("program");
  bind.prog_bind_map.prog_fd = (uint32_t)program;
  bind.prog_bind_map.map_fd = (uint32_t)map;
  return bpf(BPF_PROG_BIND_MAP, &bind) ? give_up("bind") : pin(program, arguments[1]);
}

/* A link of a program that walks over somebody else's map, in which it may write; what it needed is let go of. */
static long walk_over(long map) {
  int target = libbpf_find_vmlinux_btf_id("bpf_map_elem", BPF_TRACE_ITER);
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_TRACING,
                         .expected_attach_type = BPF_TRACE_ITER,
                         .insns = (uintptr_t)code,
                         .insn_cnt = 2,
                         .license = (uintptr_t)"GPL"};
  union bpf_iter_link_info about = {.map.map_fd = (uint32_t)map};
  union bpf_attr create = {
      .link_create = {.attach_type = BPF_TRACE_ITER, .iter_info = (uintptr_t)&about, .iter_info_len = sizeof(about)}};
  long program, link;

  if (target < 0) return target;
  load.attach_btf_id = (uint32_t)target;
  program = bpf(BPF_PROG_LOAD, &load);
  if (program < 0) return program;
  create.link_create.prog_fd = (uint32_t)program;
  link = bpf(BPF_LINK_CREATE, &create);
  close((int)program);
  close((int)map);
  return link;
}

static int verb_walk_map(char** arguments) {
  long map = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0);

  return map < 0 ? reached(map) : pin(walk_over(map), arguments[1]);
}

/* As hold-map, and what is kept is open of such a program; its link is not. */
static int verb_hold_walk(char** arguments) {
  long map = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0), link = map < 0 ? map : walk_over(map);
  union bpf_attr create = {.iter_create.link_fd = (uint32_t)link};
  long walk = link < 0 ? link : bpf(BPF_ITER_CREATE, &create);

  if (walk < 0 || close((int)link) || creat(arguments[1], 0600) < 0) return give_up("hold");
  for (;;) pause();
}

/*
 * A program that is attached to another one, before, behind or in place of it (fentry, fexit, freplace), names it by a
 * descriptor. The decoy has no types that such a program needs, so that what counts is how far it gets.
 */
static int verb_attach_to_program(char** arguments) {
  long program = by_id(BPF_PROG_GET_FD_BY_ID, arguments[0], 0);
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_TRACING,
                         .expected_attach_type = BPF_TRACE_FENTRY,
                         .insns = (uintptr_t)code,
                         .insn_cnt = 2,
                         .license = (uintptr_t)"GPL"};

  if (program < 0) return reached(program);
  load.attach_prog_fd = (uint32_t)program;
  load.attach_btf_id = 1;
  return bpf(BPF_PROG_LOAD, &load) >= 0 || errno == EINVAL ? allowed : status_of(-1);
}

static int verb_link_by_id(char** arguments) { return reached(by_id(BPF_LINK_GET_FD_BY_ID, arguments[0], 0)); }

static int verb_open_pin(char** arguments) { return reached(by_path(arguments[0], 0)); }

/* No hook sees a link being got from its pin; but what can be done with it then? The kernel's answer, not the gate's.
 */
static int verb_detach_link(char** arguments) {
  long link = by_path(arguments[0], 0);
  union bpf_attr attr = {};

  if (link < 0) return give_up("open the link");
  attr.link_detach.link_fd = (uint32_t)link;
  return denied_by(bpf(BPF_LINK_DETACH, &attr), EOPNOTSUPP);
}

static int verb_update_link(char** arguments) {
  long link = by_path(arguments[0], 0), program = by_path(arguments[1], 0);
  union bpf_attr attr = {};

  if (link < 0 || program < 0) return give_up("open the link and another program");
  attr.link_update.link_fd = (uint32_t)link;
  attr.link_update.new_prog_fd = (uint32_t)program;
  return denied_by(bpf(BPF_LINK_UPDATE, &attr), EINVAL);
}

static int verb_pin_map(char** arguments) {
  union bpf_attr create = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

  return pin(bpf(BPF_MAP_CREATE, &create), arguments[0]);
}

/* Every LSM program is called through ftrace. */
static int verb_switch_ftrace_off(char** arguments) {
  int fd = open("/proc/sys/kernel/ftrace_enabled", O_WRONLY | O_CLOEXEC);
  long written;

  (void)arguments;
  if (fd < 0) return give_up("open kernel.ftrace_enabled");
  written = write(fd, "0", 1);
  if (written == 1) (void)!pwrite(fd, "1", 1, 0);
  return status_of(written);
}

static int print_id(long fd, const char* what) {
  union {
    struct bpf_map_info map;
    struct bpf_prog_info program;
    struct bpf_link_info link;
  } info = {};
  union bpf_attr attr = {};

  attr.info.bpf_fd = (uint32_t)fd;
  attr.info.info = (uintptr_t)&info;
  attr.info.info_len = sizeof(info);
  if (bpf(BPF_OBJ_GET_INFO_BY_FD, &attr)) return give_up(what);
  /* The id is the second field of all but links. */
  printf("%s=%u\n", what, strcmp(what, "link") ? info.map.id : info.link.id);
  return 0;
}

static int pin_in(const char* directory, const char* name, long fd) {
  char path[256];

  snprintf(path, sizeof(path), "%s/%s", directory, name);
  return pin(fd, path);
}

/* What looks like a gate: DIRECTORY with a map, a program and a link pinned in it. Prints their ids. */
static int verb_make_decoys(char** arguments) {
  union bpf_attr create = {.map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096};
  union bpf_attr open_tracepoint = {};
  long map = bpf(BPF_MAP_CREATE, &create), program = load_program(), link;

  open_tracepoint.raw_tracepoint.name = (uintptr_t)"sched_process_exit";
  open_tracepoint.raw_tracepoint.prog_fd = (uint32_t)program;
  link = bpf(BPF_RAW_TRACEPOINT_OPEN, &open_tracepoint);
  if (mkdir(arguments[0], 0700)) return give_up(arguments[0]);
  if (pin_in(arguments[0], "map", map) || pin_in(arguments[0], "program", program) ||
      pin_in(arguments[0], "link", link))
    return could_not_try;
  return print_id(map, "map") || print_id(program, "program") || print_id(link, "link") ? could_not_try : allowed;
}

/* A program that replaces what a kernel function answers. Loading it is enough to show that it could be attached. */
static int verb_load_modify_return(char** arguments) {
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_TRACING,
                         .expected_attach_type = BPF_MODIFY_RETURN,
                         .insns = (uintptr_t)code,
                         .insn_cnt = 2,
                         .license = (uintptr_t)"GPL"};
  int id = libbpf_find_vmlinux_btf_id(arguments[0], BPF_MODIFY_RETURN);

  if (id < 0) return give_up(arguments[0]);
  load.attach_btf_id = (uint32_t)id;
  return status_of(bpf(BPF_PROG_LOAD, &load));
}

/* An LSM program of a cgroup may set any return value, where others may only refuse. */
static int verb_load_cgroup_lsm(char** arguments) {
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_LSM,
                         .expected_attach_type = BPF_LSM_CGROUP,
                         .insns = (uintptr_t)code,
                         .insn_cnt = 2,
                         .license = (uintptr_t)"GPL"};
  int id = libbpf_find_vmlinux_btf_id(arguments[0], BPF_LSM_MAC);

  if (id < 0) return give_up(arguments[0]);
  load.attach_btf_id = (uint32_t)id;
  return status_of(bpf(BPF_PROG_LOAD, &load));
}

/* A program on sysctls, which could overrule another one. */
static int verb_load_sysctl_program(char** arguments) {
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 1}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_SYSCTL,
                         .expected_attach_type = BPF_CGROUP_SYSCTL,
                         .insns = (uintptr_t)code,
                         .insn_cnt = 2,
                         .license = (uintptr_t)"GPL"};

  (void)arguments;
  return status_of(bpf(BPF_PROG_LOAD, &load));
}

/* The control beside them. */
static int verb_load_tracepoint_program(char** arguments) {
  (void)arguments;
  return status_of(load_program());
}

static const struct verb bpf_verbs[] = {
    {"attach-to-program", 1, verb_attach_to_program},
    {"bind-map", 1, verb_bind_map},
    {"detach-link", 1, verb_detach_link},
    {"hold-map", 2, verb_hold_map},
    {"link-by-id", 1, verb_link_by_id},
    {"load-cgroup-lsm", 1, verb_load_cgroup_lsm},
    {"load-modify-return", 1, verb_load_modify_return},
    {"load-sysctl-program", 0, verb_load_sysctl_program},
    {"load-tracepoint-program", 0, verb_load_tracepoint_program},
    {"make-decoys", 1, verb_make_decoys},
    {"map-by-id", 1, verb_map_by_id},
    {"map-by-id-to-read", 1, verb_map_by_id_to_read},
    {"map-in-map", 1, verb_map_in_map},
    {"map-pages", 1, verb_map_pages},
    {"open-pin", 1, verb_open_pin},
    {"pin-map", 1, verb_pin_map},
    {"program-by-id", 1, verb_program_by_id},
    {"share-map", 2, verb_share_map},
    {"switch-ftrace-off", 0, verb_switch_ftrace_off},
    {"update-link", 2, verb_update_link},
    {"walk-map", 2, verb_walk_map},
    {"hold-walk", 2, verb_hold_walk},
    {NULL, 0, NULL},
};

static const struct verb* const tables[] = {bpf_verbs, key_verbs, mount_verbs};
enum { table_count = sizeof(tables) / sizeof(tables[0]) };

int main(int count, char** arguments) {
  const struct verb* verb;
  int i;

  for (i = 0; count > 1 && i < table_count; i++)
    for (verb = tables[i]; verb->name; verb++)
      if (!strcmp(arguments[1], verb->name) && count == 2 + verb->arguments) return verb->run(arguments + 2);
  fprintf(stderr, "usage: attack VERB [ARGUMENT]...; the verbs, and how many arguments they take:\n");
  for (i = 0; i < table_count; i++)
    for (verb = tables[i]; verb->name; verb++) fprintf(stderr, "  %s %d\n", verb->name, verb->arguments);
  return could_not_try;
}
