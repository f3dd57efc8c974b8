// SPDX-License-Identifier: MIT
/*
 * One verb per thing a process can do, or have done to it, before it calls bpf(2). Run signed and unsigned, it shows
 * what the gate makes of that.
 */
#include "witness.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <time.h>

#define page 4096

extern char** environ;

static int verb_call(char** arguments) {
  (void)arguments;
  return call_bpf();
}

static int verb_load_program(char** arguments) {
  struct bpf_insn program[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0},
      {.code = BPF_JMP | BPF_EXIT},
  };
  union bpf_attr attr = {
      .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
      .insns = (uintptr_t)program,
      .insn_cnt = 2,
      .license = (uintptr_t)"MIT",
  };

  (void)arguments;
  return status_of(bpf(BPF_PROG_LOAD, &attr));
}

static int verb_create_map(char** arguments) {
  union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 8, .max_entries = 1};

  (void)arguments;
  return status_of(bpf(BPF_MAP_CREATE, &attr));
}

/* A command number no kernel has. Allowed, the kernel says EINVAL. */
static int verb_unknown_command(char** arguments) {
  union bpf_attr attr = {};
  long result = bpf(1000, &attr);

  (void)arguments;
  return result < 0 && errno == EINVAL ? allowed : status_of(result);
}

static int verb_fork(char** arguments) {
  pid_t child = fork();

  (void)arguments;
  if (child == 0) _exit(call_bpf());
  return wait_for(child);
}

static void* call_in_thread(void* unused) {
  (void)unused;
  return (void*)(intptr_t)call_bpf();
}

static int run_thread(void* (*body)(void*), void* argument) {
  void* result = (void*)(intptr_t)could_not_try;
  pthread_t thread;

  if (pthread_create(&thread, NULL, body, argument) || pthread_join(thread, &result)) return give_up("thread");
  return (int)(intptr_t)result;
}

static int verb_thread(char** arguments) {
  (void)arguments;
  return run_thread(call_in_thread, NULL);
}

static int verb_exec(char** arguments) {
  if (!arguments[0]) return give_up("exec: nothing to execute");
  execv(arguments[0], arguments);
  return give_up(arguments[0]);
}

static void* exec_in_thread(void* arguments) { return (void*)(intptr_t)verb_exec(arguments); }

/* exec by a thread that is not the leader: it takes the leader's place, and its process id. */
static int verb_exec_in_thread(char** arguments) { return run_thread(exec_in_thread, arguments); }

static int verb_spawn(char** arguments) {
  pid_t child = -1;

  if (!arguments[0] || posix_spawn(&child, arguments[0], NULL, NULL, arguments, environ)) return give_up("posix_spawn");
  return wait_for(child);
}

/* A child that shares this process's memory, as vfork() makes it, but calls bpf(2) instead of exec. */
static int call_in_child(void* unused) {
  (void)unused;
  return call_bpf();
}

static int clone_sharing_memory(int (*body)(void*), void* argument) {
  static char stack[64 * 1024] __attribute__((aligned(16)));

  return wait_for(clone(body, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | SIGCHLD, argument));
}

static int verb_vfork_child(char** arguments) {
  (void)arguments;
  return clone_sharing_memory(call_in_child, NULL);
}

static int verb_vfork_parent(char** arguments) {
  int child = clone_sharing_memory(call_in_child, NULL);

  (void)arguments;
  return child == could_not_try ? child : call_bpf();
}

static int map_file(const char* path, int protection) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || mmap(NULL, page, protection, MAP_PRIVATE, fd, 0) == MAP_FAILED) return give_up(path);
  close(fd);
  return 0;
}

static int verb_map_file(char** arguments) {
  int failure = map_file(arguments[0], PROT_READ | PROT_EXEC);

  return failure ? failure : call_bpf();
}

static int map_file_in_child(void* path) { return map_file(path, PROT_READ | PROT_EXEC); }

static void* map_file_in_thread(void* path) { return (void*)(intptr_t)map_file_in_child(path); }

static int verb_thread_maps_file(char** arguments) {
  int failure = run_thread(map_file_in_thread, arguments[0]);

  return failure ? failure : call_bpf();
}

static int verb_vfork_child_maps_file(char** arguments) {
  int failure = clone_sharing_memory(map_file_in_child, arguments[0]);

  return failure ? failure : call_bpf();
}

static int verb_map_file_writable(char** arguments) {
  int failure = map_file(arguments[0], PROT_READ | PROT_WRITE | PROT_EXEC);

  return failure ? failure : call_bpf();
}

/* Asked for, but perhaps somebody else refuses it. */
static int verb_try_to_map_file(char** arguments) {
  map_file(arguments[0], PROT_READ | PROT_EXEC);
  return call_bpf();
}

/* Data, not code: must cost nothing. */
static int verb_map_file_as_data(char** arguments) {
  int failure = map_file(arguments[0], PROT_READ | PROT_WRITE);

  return failure ? failure : call_bpf();
}

static void* map_anonymous(int protection) { return mmap(NULL, page, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }

static int verb_map_anonymous(char** arguments) {
  (void)arguments;
  return map_anonymous(PROT_READ | PROT_EXEC) == MAP_FAILED ? give_up("mmap") : call_bpf();
}

static int verb_map_shared_anonymous(char** arguments) {
  (void)arguments;
  return mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? give_up("mmap")
                                                                                                  : call_bpf();
}

static int verb_map_anonymous_as_data(char** arguments) {
  (void)arguments;
  return map_anonymous(PROT_READ | PROT_WRITE) == MAP_FAILED ? give_up("mmap") : call_bpf();
}

static int verb_map_memfd(char** arguments) {
  int fd = memfd_create("code", MFD_CLOEXEC);

  (void)arguments;
  if (fd < 0 || ftruncate(fd, page) || mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0) == MAP_FAILED)
    return give_up("memfd");
  return call_bpf();
}

static int verb_make_executable(char** arguments) {
  unsigned char* code = map_anonymous(PROT_READ | PROT_WRITE);

  (void)arguments;
  if (code == MAP_FAILED) return give_up("mmap");
  code[0] = 0xc3;
  return mprotect(code, page, PROT_READ | PROT_EXEC) ? give_up("mprotect") : call_bpf();
}

static int verb_make_writable(char** arguments) {
  int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
  void* code = fd < 0 ? MAP_FAILED : mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

  if (code == MAP_FAILED || mprotect(code, page, PROT_READ | PROT_WRITE)) return give_up(arguments[0]);
  return call_bpf();
}

/* From here on the kernel adds PROT_EXEC to PROT_READ by itself. */
static int verb_read_implies_exec(char** arguments) {
  (void)arguments;
  if (personality(READ_IMPLIES_EXEC) < 0 || map_anonymous(PROT_READ) == MAP_FAILED) return give_up("personality");
  return call_bpf();
}

/* The same before exec, which clears it: the loader's heap is not executable, and nothing is lost. */
static int verb_exec_with_read_implies_exec(char** arguments) {
  return personality(READ_IMPLIES_EXEC) < 0 ? give_up("personality") : verb_exec(arguments);
}

/* Pages of a proven file, copied by writing to them, and then made executable. */
static int verb_write_then_execute_copy(char** arguments) {
  int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);
  unsigned char* code = fd < 0 ? MAP_FAILED : mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

  if (code == MAP_FAILED) return give_up(arguments[0]);
  code[0] = 0xc3;
  return mprotect(code, page, PROT_READ | PROT_EXEC) ? give_up("mprotect") : call_bpf();
}

static int verb_make_writable_and_executable(char** arguments) {
  void* code = map_anonymous(PROT_READ | PROT_WRITE);

  (void)arguments;
  if (code == MAP_FAILED || mprotect(code, page, PROT_READ | PROT_WRITE | PROT_EXEC)) return give_up("mprotect");
  return call_bpf();
}

static int verb_shared_memory_as_code(char** arguments) {
  int id = shmget(IPC_PRIVATE, page, 0700);
  void* code = id < 0 ? (void*)-1 : shmat(id, NULL, SHM_EXEC);

  (void)arguments;
  if (code == (void*)-1 || shmctl(id, IPC_RMID, NULL)) return give_up("shm");
  return call_bpf();
}

/* What other threads have is everybody's. */
static void* map_anonymous_in_thread(void* unused) {
  (void)unused;
  return (void*)(intptr_t)(map_anonymous(PROT_READ | PROT_EXEC) == MAP_FAILED ? could_not_try : 0);
}

static int verb_thread_maps_anonymous(char** arguments) {
  int failure = run_thread(map_anonymous_in_thread, NULL);

  (void)arguments;
  return failure ? failure : call_bpf();
}

static int copy_to(int target, const char* path) {
  int source = open(path, O_RDONLY | O_CLOEXEC);
  struct stat info;

  if (source < 0 || target < 0 || fstat(source, &info)) return -1;
  return sendfile(target, source, NULL, (size_t)info.st_size) == info.st_size ? 0 : -1;
}

/* A copy of a loader in memory only. */
static int verb_exec_memfd(char** arguments) {
  char* words[] = {arguments[0], arguments[1], NULL};
  int fd = memfd_create("copy", 0);

  if (copy_to(fd, arguments[0])) return give_up("copy");
  fexecve(fd, words, environ);
  return give_up("fexecve");
}

static int verb_exec_by_descriptor(char** arguments) {
  char* words[] = {arguments[0], arguments[1], NULL};
  int fd = open(arguments[0], O_RDONLY);

  if (fd < 0) return give_up(arguments[0]);
  fexecve(fd, words, environ);
  return give_up("fexecve");
}

/* Tells the kernel that another file is being executed. It says EBUSY as long as the old one is mapped; trying counts.
 */
static int verb_forge_executable(char** arguments) {
  int fd = open(arguments[0], O_RDONLY | O_CLOEXEC);

  if (fd < 0) return give_up(arguments[0]);
  if (prctl(PR_SET_MM, PR_SET_MM_EXE_FILE, fd, 0, 0) && errno != EBUSY) return give_up("PR_SET_MM_EXE_FILE");
  return call_bpf();
}

/* Waits until a file appears; for processes that must be there before something else happens. */
static int verb_wait(char** arguments) {
  struct stat info;

  while (stat(arguments[0], &info)) usleep(20000);
  return call_bpf();
}

/* Has code of its own making when that happens, and says when. */
static int verb_jit_and_wait(char** arguments) {
  if (map_anonymous(PROT_READ | PROT_EXEC) == MAP_FAILED || puts("ready") < 0 || fflush(stdout)) return give_up("mmap");
  return verb_wait(arguments);
}

/* Asks while waiting, too: the last answer counts. Writes "asked" once it has been answered for the first time. */
static int verb_ask_and_wait(char** arguments) {
  int first = call_bpf();

  printf("asked %d\n", first);
  fflush(stdout);
  return verb_wait(arguments);
}

/* Has code of a file when that happens. */
static int verb_map_file_and_wait(char** arguments) {
  int failure = map_file(arguments[0], PROT_READ | PROT_EXEC);

  return failure ? failure : verb_ask_and_wait(arguments + 1);
}

/* Asks all the time until a file appears. Any refusal ends it, and is its status. */
static int verb_keep_asking(char** arguments) {
  struct stat info;
  unsigned long calls = 0;
  int status;

  do {
    status = call_bpf();
    if (calls++ == 0) {
      printf("asked %d\n", status);
      fflush(stdout);
    }
  } while (status == allowed && stat(arguments[0], &info));
  printf("%lu calls\n", calls);
  return status;
}

/* The victim of what follows: says when it runs, waits for leave to go on, and then calls. */
static int verb_victim(char** arguments) {
  char byte = 'r';

  (void)arguments;
  if (write(1, &byte, 1) != 1 || read(0, &byte, 1) != 1) return give_up("victim");
  return call_bpf();
}

static int verb_traceme(char** arguments) {
  pid_t child = fork();

  (void)arguments;
  if (child == 0) _exit(ptrace(PTRACE_TRACEME, 0, 0, 0) ? give_up("ptrace") : call_bpf());
  return wait_for(child);
}

/* Asks again and again: a witness of what many events at once lead to. Any answer but EPERM ends it. */
static int verb_call_often(char** arguments) {
  int i, status = denied;

  for (i = atoi(arguments[0]); i > 0 && status == denied; i--) status = call_bpf();
  return status;
}

static pid_t start(char* program) {
  char* words[] = {program, "call", NULL};
  pid_t child = -1;

  return posix_spawn(&child, program, NULL, NULL, words, environ) ? -1 : child;
}

/*
 * storm SECONDS COUNT LOADER UNSIGNED: keeps COUNT processes going, of either kind, each of which asks once. Prints how
 * many there were and how many got the wrong answer; status 0 if none.
 */
static int verb_storm(char** arguments) {
  time_t end = time(NULL) + atoi(arguments[0]);
  int limit = atoi(arguments[1]), running = 0, total = 0, wrong = 0, status;
  static char is_loader[1 << 22]; /* by process id */

  for (;;) {
    while (running < limit && time(NULL) < end) {
      pid_t child = start(arguments[total % 2 ? 2 : 3]);

      if (child < 0) return give_up("posix_spawn");
      is_loader[child] = total++ % 2;
      running++;
    }
    if (!running) break;
    pid_t child = waitpid(-1, &status, 0);
    if (child < 0) return give_up("waitpid");
    running--;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != (is_loader[child] ? allowed : denied)) wrong++;
  }
  printf("%d processes, %d wrong answers\n", total, wrong);
  return wrong ? other_error : allowed;
}

static const struct verb verbs[] = {
    {"ask-and-wait", verb_ask_and_wait},
    {"call", verb_call},
    {"call-often", verb_call_often},
    {"create-map", verb_create_map},
    {"exec", verb_exec},
    {"exec-by-descriptor", verb_exec_by_descriptor},
    {"exec-in-thread", verb_exec_in_thread},
    {"exec-memfd", verb_exec_memfd},
    {"exec-with-read-implies-exec", verb_exec_with_read_implies_exec},
    {"forge-executable", verb_forge_executable},
    {"fork", verb_fork},
    {"jit-and-wait", verb_jit_and_wait},
    {"keep-asking", verb_keep_asking},
    {"load-program", verb_load_program},
    {"make-executable", verb_make_executable},
    {"make-writable", verb_make_writable},
    {"make-writable-and-executable", verb_make_writable_and_executable},
    {"map-anonymous", verb_map_anonymous},
    {"map-anonymous-as-data", verb_map_anonymous_as_data},
    {"map-file", verb_map_file},
    {"map-file-and-wait", verb_map_file_and_wait},
    {"map-file-as-data", verb_map_file_as_data},
    {"map-file-writable", verb_map_file_writable},
    {"map-memfd", verb_map_memfd},
    {"map-shared-anonymous", verb_map_shared_anonymous},
    {"read-implies-exec", verb_read_implies_exec},
    {"shared-memory-as-code", verb_shared_memory_as_code},
    {"spawn", verb_spawn},
    {"storm", verb_storm},
    {"thread", verb_thread},
    {"thread-maps-anonymous", verb_thread_maps_anonymous},
    {"thread-maps-file", verb_thread_maps_file},
    {"traceme", verb_traceme},
    {"try-to-map-file", verb_try_to_map_file},
    {"unknown-command", verb_unknown_command},
    {"vfork-child", verb_vfork_child},
    {"vfork-child-maps-file", verb_vfork_child_maps_file},
    {"vfork-parent", verb_vfork_parent},
    {"victim", verb_victim},
    {"wait", verb_wait},
    {"write-then-execute-copy", verb_write_then_execute_copy},
};

int main(int count, char** arguments) {
  return run_verb("witness", verbs, sizeof(verbs) / sizeof(verbs[0]), count, arguments);
}
