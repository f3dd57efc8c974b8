// SPDX-License-Identifier: MIT
/*
 * Uses a light skeleton as bpftool generated it, and as nobody should. Exit status as of a witness; verbs:
 *
 *   load KEYRING               load it, with the signature verified against the keyring of this serial number
 *   attach KEYRING             load and attach it; 0 only if its program has run
 *   unsigned                   load it without its signature
 *   changed KEYRING            load it with one byte of the loader's data changed
 *   corrupt KEYRING            load it with one byte of the loader's instructions changed
 *   own CERTIFICATE            load it by a keyring made for that, with this certificate (DER) in it
 *   thread KEYRING             load it while another thread shares the descriptors
 *   thread-apart KEYRING       the same in a thread with a table of its own
 *   after KEYRING              load it, and then run a program that is not signed
 *   with KIND COMMAND...       make an object: map, loader or tracing; and run the command, which inherits it as 100
 *   run, update, freeze, info, attach-it
 *                              what can be done to the inherited object
 */
#define _GNU_SOURCE
#include "witness.h"

#include <bpf/skel_internal.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

static void (*spoil)(struct bpf_load_and_run_opts* opts);
static int load_and_run(struct bpf_load_and_run_opts* opts) {
  if (spoil) spoil(opts);
  int result = bpf_load_and_run(opts);
  if (result < 0) fprintf(stderr, "skeleton: %s\n", opts->errstr);
  return result;
}
#define bpf_load_and_run load_and_run
#include "probe.lskel.h"
#undef bpf_load_and_run

enum { inherited = 100 };

static int status_of_error(int error) {
  errno = -error;
  return error >= 0 ? allowed : status_of(-1);
}

static int load_against(int keyring, struct probe** loaded) {
  struct probe* skeleton = probe__open();

  if (!skeleton) return give_up("open the skeleton");
  skeleton->keyring_id = keyring;
  int result = probe__load(skeleton);
  if (loaded) *loaded = skeleton;
  return status_of_error(result);
}

static int load(char** arguments) { return load_against(atoi(arguments[0]), NULL); }

static int attach(char** arguments) {
  struct probe* skeleton = NULL;
  int status = load_against(atoi(arguments[0]), &skeleton), tries;

  if (status != allowed) return status;
  int result = probe__attach(skeleton);
  if (result < 0) return status_of(-1);
  for (tries = 0; tries < 1000 && skeleton->bss->switches != 7; tries++) usleep(1000);
  return skeleton->bss->switches == 7 && skeleton->links.list_tasks_fd > 0 ? allowed : could_not_try;
}

static void take_signature(struct bpf_load_and_run_opts* opts) {
  opts->signature = NULL;
  opts->signature_sz = 0;
}

static void change_data(struct bpf_load_and_run_opts* opts) {
  char* data = malloc(opts->data_sz);

  memcpy(data, opts->data, opts->data_sz);
  data[opts->data_sz - 1] ^= 1;
  opts->data = data;
}

static void change_code(struct bpf_load_and_run_opts* opts) {
  char* code = malloc(opts->insns_sz);

  memcpy(code, opts->insns, opts->insns_sz);
  code[opts->insns_sz - 4] ^= 1; /* the immediate of the exit, which means nothing */
  opts->insns = code;
}

static int load_unsigned(char** arguments) {
  (void)arguments;
  spoil = take_signature;
  return load_against(0, NULL);
}

static int changed(char** arguments) {
  spoil = change_data;
  return load(arguments);
}

static int corrupt(char** arguments) {
  spoil = change_code;
  return load(arguments);
}

static long add_key(const char* type, const char* name, const void* payload, size_t size, long ring) {
  return syscall(SYS_add_key, type, name, payload, size, ring);
}

static int own(char** arguments) {
  char certificate[8192];
  int file = open(arguments[0], O_RDONLY);
  ssize_t size = file < 0 ? -1 : read(file, certificate, sizeof(certificate));
  long ring = add_key("keyring", "bpfgate-not", NULL, 0, -3 /* the session's */);

  if (size <= 0 || ring < 0 || add_key("asymmetric", "mine", certificate, (size_t)size, ring) < 0)
    return give_up("make a keyring");
  return load_against((int)ring, NULL);
}

static void* sleep_on(void* nothing) {
  pause();
  return nothing;
}

static int in_thread(char** arguments) {
  pthread_t thread;

  if (pthread_create(&thread, NULL, sleep_on, NULL)) return give_up("make a thread");
  return load(arguments);
}

static int answer;
static void* load_apart(void* arguments) {
  answer = unshare(CLONE_FILES) ? give_up("unshare") : load(arguments);
  return NULL;
}

static int in_thread_apart(char** arguments) {
  pthread_t thread;

  if (pthread_create(&thread, NULL, load_apart, arguments) || pthread_join(thread, NULL))
    return give_up("make a thread");
  return answer;
}

static long load_program(int type, const struct bpf_insn* code, unsigned count, unsigned flags) {
  union bpf_attr attr = {};

  attr.prog_type = type;
  attr.insns = (unsigned long)code;
  attr.insn_cnt = count;
  attr.license = (unsigned long)"GPL";
  attr.prog_flags = flags;
  return bpf(BPF_PROG_LOAD, &attr);
}

#define INSTRUCTION(code_, destination, source, offset, immediate) \
  {.code = (code_), .dst_reg = (destination), .src_reg = (source), .off = (offset), .imm = (immediate)}

/* Asks the kernel for a hash map, and returns the answer. */
static long load_loader(void) {
  const struct bpf_insn code[] = {
      INSTRUCTION(BPF_ST | BPF_MEM | BPF_W, 10, 0, -16, BPF_MAP_TYPE_HASH),
      INSTRUCTION(BPF_ST | BPF_MEM | BPF_W, 10, 0, -12, 4),
      INSTRUCTION(BPF_ST | BPF_MEM | BPF_W, 10, 0, -8, 4),
      INSTRUCTION(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 1),
      INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, BPF_MAP_CREATE),
      INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
      INSTRUCTION(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -16),
      INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, 16),
      INSTRUCTION(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_sys_bpf),
      INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };

  return load_program(BPF_PROG_TYPE_SYSCALL, code, sizeof(code) / sizeof(*code), BPF_F_SLEEPABLE);
}

static long load_tracing(void) {
  const struct bpf_insn code[] = {
      INSTRUCTION(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0),
      INSTRUCTION(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  };

  return load_program(BPF_PROG_TYPE_RAW_TRACEPOINT, code, 2, 0);
}

static long make_map(void) {
  union bpf_attr attr = {};

  attr.map_type = BPF_MAP_TYPE_ARRAY;
  attr.key_size = 4;
  attr.value_size = 4;
  attr.max_entries = 1;
  return bpf(BPF_MAP_CREATE, &attr);
}

/* Denied, too, where the program may run and the kernel refuses what that asks for. */
static int run_loader(int program) {
  union bpf_attr attr = {};

  attr.test.prog_fd = program;
  long result = bpf(BPF_PROG_TEST_RUN, &attr);
  if (result < 0) return status_of(result);
  fprintf(stderr, "skeleton: the program ran, and was told %d\n", (int)attr.test.retval);
  return status_of_error((int)attr.test.retval < 0 ? (int)attr.test.retval : 0);
}

static int after(char** arguments) {
  int status = load(arguments);

  if (status != allowed) return could_not_try;
  long program = load_loader();
  return program < 0 ? give_up("load a program") : run_loader((int)program);
}

static int with(char** arguments) {
  const char* kind = arguments[0];
  long object = !strcmp(kind, "map") ? make_map() : !strcmp(kind, "loader") ? load_loader() : load_tracing();

  if (object < 0 || dup2((int)object, inherited) < 0) return give_up("make the object");
  execv(arguments[1], arguments + 1);
  return give_up("exec");
}

static int run(char** arguments) {
  (void)arguments;
  return run_loader(inherited);
}

static int update(char** arguments) {
  int zero = 0;

  (void)arguments;
  return status_of(skel_map_update_elem(inherited, &zero, &zero, 0));
}

static int freeze(char** arguments) {
  (void)arguments;
  return status_of(skel_map_freeze(inherited));
}

static int info(char** arguments) {
  struct bpf_map_info found = {};
  union bpf_attr attr = {};

  (void)arguments;
  attr.info.bpf_fd = inherited;
  attr.info.info = (unsigned long)&found;
  attr.info.info_len = sizeof(found);
  return status_of(bpf(BPF_OBJ_GET_INFO_BY_FD, &attr));
}

static int attach_it(char** arguments) {
  (void)arguments;
  return status_of(skel_raw_tracepoint_open("sched_switch", inherited));
}

int main(int count, char** arguments) {
  static const struct verb verbs[] = {
      {"load", load},
      {"attach", attach},
      {"unsigned", load_unsigned},
      {"changed", changed},
      {"corrupt", corrupt},
      {"own", own},
      {"thread", in_thread},
      {"thread-apart", in_thread_apart},
      {"after", after},
      {"with", with},
      {"run", run},
      {"update", update},
      {"freeze", freeze},
      {"info", info},
      {"attach-it", attach_it},
  };

  return run_verb(arguments[0], verbs, sizeof(verbs) / sizeof(*verbs), count, arguments);
}
