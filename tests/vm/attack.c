// SPDX-License-Identifier: MIT
/*
 * One verb per way to lay hands on a gate: on its maps, programs, links, pins, mounts, keys. Run on the gate's own
 * objects, and on decoys of one's own that look the same, it shows what the guard refuses and that it refuses nothing
 * else. Exit status as in witness.c:
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
#include <linux/keyctl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { allowed = 0, denied = 1, could_not_try = 2, other_error = 3 };

static int give_up(const char* what) {
  fprintf(stderr, "attack: %s: %s\n", what, strerror(errno));
  return could_not_try;
}

static int denied_by(long result, int expected) {
  if (result >= 0) return allowed;
  if (errno == expected) return denied;
  fprintf(stderr, "attack: %s\n", strerror(errno));
  return other_error;
}

static int status_of(long result) { return denied_by(result, EPERM); }

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
  const struct bpf_insn instructions[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0},
                                          {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr load = {
      .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
      .insns = (uintptr_t)instructions,
      .insn_cnt = sizeof(instructions) / sizeof(*instructions),
      .license = (uintptr_t)"GPL",
  };
  union bpf_attr bind = {}, pin_it = {.pathname = (uintptr_t)arguments[1]};
  long map = by_id(BPF_MAP_GET_FD_BY_ID, arguments[0], 0);
  long program;

  if (map < 0) return reached(map);
  program = bpf(BPF_PROG_LOAD, &load);
  if (program < 0) return give_up("program");
  bind.prog_bind_map.prog_fd = (uint32_t)program;
  bind.prog_bind_map.map_fd = (uint32_t)map;
  if (bpf(BPF_PROG_BIND_MAP, &bind) < 0) return give_up("bind");
  pin_it.bpf_fd = (uint32_t)program;
  return status_of(bpf(BPF_OBJ_PIN, &pin_it));
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

static int verb_unlink(char** arguments) { return status_of(unlink(arguments[0])); }
static int verb_rmdir(char** arguments) { return status_of(rmdir(arguments[0])); }
static int verb_rename(char** arguments) { return status_of(rename(arguments[0], arguments[1])); }
static int verb_chmod(char** arguments) { return status_of(chmod(arguments[0], 0777)); }
static int verb_chown(char** arguments) { return status_of(chown(arguments[0], 1, 1)); }

static int verb_exchange(char** arguments) {
  return status_of(renameat2(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], RENAME_EXCHANGE));
}

static int verb_umount(char** arguments) { return status_of(umount2(arguments[0], 0)); }
static int verb_umount_lazily(char** arguments) { return status_of(umount2(arguments[0], MNT_DETACH)); }

static int enter_namespace(unsigned long propagation) {
  return unshare(CLONE_NEWNS) || (propagation && mount(NULL, "/", NULL, MS_REC | propagation, NULL));
}

/* Where mounts are shared, which is systemd's default, unmounting is passed on to the namespace it came from. */
static int verb_umount_in_namespace(char** arguments) {
  return enter_namespace(0) ? give_up("unshare") : status_of(umount2(arguments[0], MNT_DETACH));
}

/* A copy of its own, as containers have it: nobody else's business. */
static int verb_umount_private_copy(char** arguments) {
  return enter_namespace(MS_PRIVATE) ? give_up("unshare") : status_of(umount2(arguments[0], MNT_DETACH));
}

/* A directory that is no mount point any more here is removed, and what is mounted on it elsewhere goes with it. */
static int verb_remove_mount_point(char** arguments) {
  if (enter_namespace(MS_PRIVATE) || umount2(arguments[0], MNT_DETACH)) return give_up("umount");
  return status_of(rmdir(arguments[0]));
}

static int verb_rename_mount_point(char** arguments) {
  char name[256];

  if (enter_namespace(MS_PRIVATE) || umount2(arguments[0], MNT_DETACH)) return give_up("umount");
  snprintf(name, sizeof(name), "%s.moved", arguments[0]);
  return status_of(rename(arguments[0], name));
}

/* A tree, with all that is mounted in it, mounted once more and unmounted again. */
static int verb_bind_tree_and_umount(char** arguments) {
  if (mount(arguments[0], arguments[1], NULL, MS_BIND | MS_REC, NULL)) return give_up("bind");
  return status_of(umount2(arguments[1], MNT_DETACH));
}

static int verb_mount_over(char** arguments) { return status_of(mount("none", arguments[0], "tmpfs", 0, NULL)); }

static int verb_bind_over(char** arguments) { return status_of(mount("/tmp", arguments[0], NULL, MS_BIND, NULL)); }

static int verb_bind(char** arguments) { return status_of(mount(arguments[0], arguments[1], NULL, MS_BIND, NULL)); }

static int verb_remount(char** arguments) {
  return status_of(mount(NULL, arguments[0], NULL, MS_REMOUNT | MS_RDONLY, NULL));
}

static int verb_move_mount(char** arguments) {
  return status_of(move_mount(AT_FDCWD, arguments[0], AT_FDCWD, arguments[1], 0));
}

static int verb_move_mount_by_name(char** arguments) {
  return status_of(mount(arguments[0], arguments[1], NULL, MS_MOVE, NULL));
}

/* A copy of the mount, put elsewhere. */
static int verb_clone_mount(char** arguments) {
  int tree = open_tree(AT_FDCWD, arguments[0], OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

  if (tree < 0) return status_of(tree);
  return status_of(move_mount(tree, "", AT_FDCWD, arguments[1], MOVE_MOUNT_F_EMPTY_PATH));
}

/*
 * A bind mount made a peer of the real one, with something of its own mounted in the same place: unmounting that is
 * passed on by the place, not by what is mounted there.
 */
static int verb_umount_in_peer(char** arguments) {
  char place[512];

  snprintf(place, sizeof(place), "%s/%s", arguments[2], arguments[1]);
  if (mount(arguments[0], arguments[2], NULL, MS_BIND, NULL) || mount(NULL, arguments[2], NULL, MS_PRIVATE, NULL) ||
      mount("none", place, "tmpfs", 0, NULL) ||
      move_mount(AT_FDCWD, arguments[0], AT_FDCWD, arguments[2], MOVE_MOUNT_SET_GROUP))
    return give_up("make a peer");
  return status_of(umount2(place, MNT_DETACH));
}

static int verb_mkdir(char** arguments) { return status_of(mkdir(arguments[0], 0700)); }
static int verb_symlink(char** arguments) { return status_of(symlink("elsewhere", arguments[0])); }
static int verb_link(char** arguments) { return status_of(link(arguments[0], arguments[1])); }

static int verb_pin_map(char** arguments) {
  union bpf_attr create = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
  union bpf_attr pin_it = {.pathname = (uintptr_t)arguments[0]};
  long map = bpf(BPF_MAP_CREATE, &create);

  if (map < 0) return give_up("map");
  pin_it.bpf_fd = (uint32_t)map;
  return status_of(bpf(BPF_OBJ_PIN, &pin_it));
}

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c) {
  return syscall(SYS_keyctl, operation, a, b, c, 0);
}

static unsigned long serial(const char* text) { return strtoul(text, NULL, 0); }

/* Where the permissions of the key deny it already, that is EACCES, and comes before the gate is asked. */
static int key_status(long result) { return result < 0 && errno == EACCES ? denied : status_of(result); }

static int verb_key_add(char** arguments) {
  return key_status(syscall(SYS_add_key, "user", "intruder", "x", 1, serial(arguments[0])));
}

static int verb_key_link(char** arguments) {
  long key = syscall(SYS_add_key, "user", "intruder", "x", 1, KEY_SPEC_PROCESS_KEYRING);

  if (key < 0) return give_up("add_key");
  return key_status(keyctl(KEYCTL_LINK, (unsigned long)key, serial(arguments[0]), 0));
}

/* Somebody else's hold on it. */
static int verb_key_link_elsewhere(char** arguments) {
  return key_status(keyctl(KEYCTL_LINK, serial(arguments[0]), (unsigned long)KEY_SPEC_USER_KEYRING, 0));
}

static int verb_key_unlink(char** arguments) {
  return key_status(keyctl(KEYCTL_UNLINK, serial(arguments[0]), (unsigned long)KEY_SPEC_USER_KEYRING, 0));
}

static int verb_key_move(char** arguments) {
  return key_status(syscall(SYS_keyctl, KEYCTL_MOVE, serial(arguments[0]), (unsigned long)KEY_SPEC_USER_KEYRING,
                            (unsigned long)KEY_SPEC_PROCESS_KEYRING, 0));
}

static int verb_key_clear(char** arguments) { return key_status(keyctl(KEYCTL_CLEAR, serial(arguments[0]), 0, 0)); }

static int verb_key_setperm(char** arguments) {
  return key_status(keyctl(KEYCTL_SETPERM, serial(arguments[0]), 0x3f3f3f3f, 0));
}

static int verb_key_chown(char** arguments) { return key_status(keyctl(KEYCTL_CHOWN, serial(arguments[0]), 0, 0)); }
static int verb_key_revoke(char** arguments) { return key_status(keyctl(KEYCTL_REVOKE, serial(arguments[0]), 0, 0)); }

static int verb_key_invalidate(char** arguments) {
  return key_status(keyctl(KEYCTL_INVALIDATE, serial(arguments[0]), 0, 0));
}

static int verb_key_timeout(char** arguments) {
  return key_status(keyctl(KEYCTL_SET_TIMEOUT, serial(arguments[0]), 1, 0));
}

static int verb_key_restrict(char** arguments) {
  return key_status(keyctl(KEYCTL_RESTRICT_KEYRING, serial(arguments[0]), 0, 0));
}

static int verb_key_search(char** arguments) {
  return key_status(keyctl(KEYCTL_SEARCH, serial(arguments[0]), (unsigned long)"user", (unsigned long)arguments[1]));
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

static int pin(long fd, const char* directory, const char* name) {
  char path[256];
  union bpf_attr attr = {.pathname = (uintptr_t)path, .bpf_fd = (uint32_t)fd};

  snprintf(path, sizeof(path), "%s/%s", directory, name);
  return fd < 0 || bpf(BPF_OBJ_PIN, &attr) ? give_up(path) : 0;
}

static long load_program(void) {
  struct bpf_insn code[] = {{.code = BPF_ALU64 | BPF_MOV | BPF_K}, {.code = BPF_JMP | BPF_EXIT}};
  union bpf_attr attr = {
      .prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT, .insns = (uintptr_t)code, .insn_cnt = 2, .license = (uintptr_t)"GPL"};

  return bpf(BPF_PROG_LOAD, &attr);
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

/* What looks like a gate: DIRECTORY with a map, a program and a link pinned in it. Prints their ids. */
static int verb_make_decoys(char** arguments) {
  union bpf_attr create = {.map_type = BPF_MAP_TYPE_RINGBUF, .max_entries = 4096};
  union bpf_attr open_tracepoint = {};
  long map = bpf(BPF_MAP_CREATE, &create), program = load_program(), link;

  open_tracepoint.raw_tracepoint.name = (uintptr_t)"sched_process_exit";
  open_tracepoint.raw_tracepoint.prog_fd = (uint32_t)program;
  link = bpf(BPF_RAW_TRACEPOINT_OPEN, &open_tracepoint);
  if (mkdir(arguments[0], 0700)) return give_up(arguments[0]);
  if (pin(map, arguments[0], "map") || pin(program, arguments[0], "program") || pin(link, arguments[0], "link"))
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

static const struct {
  const char* name;
  int arguments;
  int (*run)(char** arguments);
} verbs[] = {
    {"attach-to-program", 1, verb_attach_to_program},
    {"bind", 2, verb_bind},
    {"bind-map", 1, verb_bind_map},
    {"bind-over", 1, verb_bind_over},
    {"bind-tree-and-umount", 2, verb_bind_tree_and_umount},
    {"chmod", 1, verb_chmod},
    {"chown", 1, verb_chown},
    {"clone-mount", 2, verb_clone_mount},
    {"detach-link", 1, verb_detach_link},
    {"exchange", 2, verb_exchange},
    {"hold-map", 2, verb_hold_map},
    {"key-add", 1, verb_key_add},
    {"key-chown", 1, verb_key_chown},
    {"key-clear", 1, verb_key_clear},
    {"key-invalidate", 1, verb_key_invalidate},
    {"key-link", 1, verb_key_link},
    {"key-link-elsewhere", 1, verb_key_link_elsewhere},
    {"key-move", 1, verb_key_move},
    {"key-restrict", 1, verb_key_restrict},
    {"key-revoke", 1, verb_key_revoke},
    {"key-search", 2, verb_key_search},
    {"key-setperm", 1, verb_key_setperm},
    {"key-timeout", 1, verb_key_timeout},
    {"key-unlink", 1, verb_key_unlink},
    {"link-by-id", 1, verb_link_by_id},
    {"link", 2, verb_link},
    {"load-cgroup-lsm", 1, verb_load_cgroup_lsm},
    {"load-modify-return", 1, verb_load_modify_return},
    {"load-sysctl-program", 0, verb_load_sysctl_program},
    {"load-tracepoint-program", 0, verb_load_tracepoint_program},
    {"make-decoys", 1, verb_make_decoys},
    {"map-by-id", 1, verb_map_by_id},
    {"map-by-id-to-read", 1, verb_map_by_id_to_read},
    {"map-in-map", 1, verb_map_in_map},
    {"map-pages", 1, verb_map_pages},
    {"mkdir", 1, verb_mkdir},
    {"mount-over", 1, verb_mount_over},
    {"move-mount", 2, verb_move_mount},
    {"move-mount-by-name", 2, verb_move_mount_by_name},
    {"open-pin", 1, verb_open_pin},
    {"pin-map", 1, verb_pin_map},
    {"program-by-id", 1, verb_program_by_id},
    {"remount", 1, verb_remount},
    {"remove-mount-point", 1, verb_remove_mount_point},
    {"rename", 2, verb_rename},
    {"rename-mount-point", 1, verb_rename_mount_point},
    {"rmdir", 1, verb_rmdir},
    {"share-map", 2, verb_share_map},
    {"switch-ftrace-off", 0, verb_switch_ftrace_off},
    {"symlink", 1, verb_symlink},
    {"umount", 1, verb_umount},
    {"umount-in-namespace", 1, verb_umount_in_namespace},
    {"umount-in-peer", 3, verb_umount_in_peer},
    {"umount-lazily", 1, verb_umount_lazily},
    {"umount-private-copy", 1, verb_umount_private_copy},
    {"unlink", 1, verb_unlink},
    {"update-link", 2, verb_update_link},
};

int main(int count, char** arguments) {
  size_t i;

  for (i = 0; count > 1 && i < sizeof(verbs) / sizeof(verbs[0]); i++)
    if (!strcmp(arguments[1], verbs[i].name) && count == 2 + verbs[i].arguments) return verbs[i].run(arguments + 2);
  fprintf(stderr, "usage: attack VERB [ARGUMENT]...; the verbs, and how many arguments they take:\n");
  for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
    fprintf(stderr, "  %s %d\n", verbs[i].name, verbs[i].arguments);
  return could_not_try;
}
