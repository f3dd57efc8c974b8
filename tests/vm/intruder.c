// SPDX-License-Identifier: MIT
/* Attacks on a process from outside. Each starts a victim (witness.c), lays hands on it, and says what it was then
 * told. */
#include "witness.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>

extern char** environ;

struct victim {
  pid_t pid;
  int to, from;
};

static int start_victim(struct victim* victim, char* program) {
  int to[2], from[2];
  char byte;

  if (!program || pipe(to) || pipe(from)) return give_up("pipe");
  victim->pid = fork();
  if (victim->pid == 0) {
    dup2(to[0], 0);
    dup2(from[1], 1);
    execl(program, program, "victim", NULL);
    _exit(could_not_try);
  }
  victim->to = to[1];
  victim->from = from[0];
  return victim->pid > 0 && read(victim->from, &byte, 1) == 1 ? 0 : give_up("start the victim");
}

static int release_victim(struct victim* victim) {
  return write(victim->to, "g", 1) == 1 ? wait_for(victim->pid) : give_up("release the victim");
}

/*
 * Where the attempt itself was refused, the victim must not have suffered by it: otherwise anybody could take a
 * loader's mark away. /proc answers EACCES for what ptrace answers EPERM.
 */
static int outcome(struct victim* victim, int failed, const char* what) {
  int error = failed ? errno : 0, status = release_victim(victim);

  if (!failed) return status;
  if (error == EPERM || error == EACCES) return status == allowed ? denied : could_not_try;
  errno = error;
  return give_up(what);
}

/* Left alone: the control beside the attacks below. */
static int verb_watch(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]);

  return failure ? failure : release_victim(&victim);
}

static int verb_ptrace_attach(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]), status;

  if (failure) return failure;
  if (ptrace(PTRACE_ATTACH, victim.pid, 0, 0)) return outcome(&victim, 1, "ptrace");
  if (waitpid(victim.pid, &status, 0) < 0 || ptrace(PTRACE_DETACH, victim.pid, 0, 0)) return give_up("ptrace");
  return release_victim(&victim);
}

static int verb_ptrace_seize(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]);

  if (failure) return failure;
  return outcome(&victim, ptrace(PTRACE_SEIZE, victim.pid, 0, 0) != 0, "ptrace");
}

static int verb_write_memory_file(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]);
  char path[64];

  if (failure) return failure;
  snprintf(path, sizeof(path), "/proc/%d/mem", victim.pid);
  return outcome(&victim, open(path, O_RDWR | O_CLOEXEC) < 0, path);
}

static int verb_write_memory(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]);
  char byte = 0;
  struct iovec local = {&byte, 1}, remote = {environ, 1};

  if (failure) return failure;
  /* Whether there is such an address over there does not matter: the permission is asked for first. */
  return outcome(&victim, process_vm_writev(victim.pid, &local, 1, &remote, 1, 0) < 0 && errno != EFAULT,
                 "process_vm_writev");
}

/* Of a process that is there already. */
static int verb_pidfd_getfd_of(char** arguments) {
  int pidfd = (int)syscall(SYS_pidfd_open, atoi(arguments[0]), 0);

  if (pidfd < 0) return give_up("pidfd_open");
  return status_of(syscall(SYS_pidfd_getfd, pidfd, 1, 0));
}

static int verb_pidfd_getfd(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]), pidfd;

  if (failure) return failure;
  pidfd = (int)syscall(SYS_pidfd_open, victim.pid, 0);
  if (pidfd < 0) return give_up("pidfd_open");
  return outcome(&victim, syscall(SYS_pidfd_getfd, pidfd, 1, 0) < 0, "pidfd_getfd");
}

/* Reading state is not writing memory: must cost nothing. */
static int verb_read_maps(char** arguments) {
  struct victim victim;
  int failure = start_victim(&victim, arguments[0]), fd;
  char path[64], byte;

  if (failure) return failure;
  snprintf(path, sizeof(path), "/proc/%d/maps", victim.pid);
  fd = open(path, O_RDONLY | O_CLOEXEC);
  return fd < 0 || read(fd, &byte, 1) != 1 ? give_up(path) : release_victim(&victim);
}

/* Debugged from before its exec on; let go as soon as the kernel reports that. */
static int verb_exec_traced(char** arguments) {
  pid_t child = fork();
  int status;

  if (child == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0)) _exit(could_not_try);
    execv(arguments[0], arguments);
    _exit(could_not_try);
  }
  if (child < 0 || waitpid(child, &status, 0) < 0 || !WIFSTOPPED(status) || ptrace(PTRACE_DETACH, child, 0, 0))
    return give_up("exec under ptrace");
  return wait_for(child);
}

/* What one instruction that calls the kernel answers in a process that is stopped in such a call. */
static int call_kernel_in(pid_t pid, struct user_regs_struct call, long long* answer) {
  struct user_regs_struct before;
  int status;

  if (ptrace(PTRACE_GETREGS, pid, 0, &before)) return -1;
  call.rip = before.rip - 2;
  call.rsp = before.rsp;
  call.orig_rax = ~0ULL; /* no call to begin again */
  call.cs = before.cs, call.ss = before.ss, call.eflags = before.eflags;
  call.fs_base = before.fs_base, call.gs_base = before.gs_base;
  if (ptrace(PTRACE_SETREGS, pid, 0, &call) || ptrace(PTRACE_SINGLESTEP, pid, 0, 0) || waitpid(pid, &status, 0) < 0 ||
      ptrace(PTRACE_GETREGS, pid, 0, &call))
    return -1;
  *answer = (long long)call.rax;
  return ptrace(PTRACE_SETREGS, pid, 0, &before) ? -1 : 0;
}

/* Process 1 unmounts PATH, lazily. It must wait for something in the kernel. */
static int verb_umount_by_process_1(char** arguments) {
  struct user_regs_struct call = {.rax = SYS_umount2, .rsi = MNT_DETACH};
  struct user_regs_struct now;
  struct iovec here = {arguments[0], strlen(arguments[0]) + 1}, there = {NULL, here.iov_len};
  long long answer = 0;
  int status;

  if (ptrace(PTRACE_SEIZE, 1, 0, 0) || ptrace(PTRACE_INTERRUPT, 1, 0, 0) || waitpid(1, &status, 0) < 0)
    return give_up("ptrace");
  if (ptrace(PTRACE_GETREGS, 1, 0, &now) || now.orig_rax == ~0ULL) return give_up("stop process 1 in a call");
  call.rdi = now.rsp - 4096;
  there.iov_base = (void*)call.rdi; /* NOLINT(performance-no-int-to-ptr): an address there */
  if (process_vm_writev(1, &here, 1, &there, 1, 0) != (ssize_t)here.iov_len || call_kernel_in(1, call, &answer) ||
      ptrace(PTRACE_DETACH, 1, 0, 0))
    return give_up("call the kernel in process 1");
  if (answer == 0) return allowed;
  if (answer == -EPERM) return denied;
  errno = (int)-answer;
  return give_up("unmount in process 1");
}

static const struct verb verbs[] = {
    {"exec-traced", verb_exec_traced},
    {"pidfd-getfd", verb_pidfd_getfd},
    {"pidfd-getfd-of", verb_pidfd_getfd_of},
    {"ptrace-attach", verb_ptrace_attach},
    {"ptrace-seize", verb_ptrace_seize},
    {"read-maps", verb_read_maps},
    {"umount-by-process-1", verb_umount_by_process_1},
    {"watch", verb_watch},
    {"write-memory", verb_write_memory},
    {"write-memory-file", verb_write_memory_file},
};

int main(int count, char** arguments) {
  return run_verb("intruder", verbs, sizeof(verbs) / sizeof(verbs[0]), count, arguments);
}
