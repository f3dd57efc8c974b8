/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The kernel as the gate sees it: types, kfuncs and the few constants that BTF does not carry. Every kfunc is weak, so
 * that one object loads on all kernels; a program that needs a missing one refuses (bpf/evidence.bpf.h), and user space
 * has said so before it came to that (src/gate/probe.cc).
 */
#ifndef BPFGATE_KERNEL_BPF_H
#define BPFGATE_KERNEL_BPF_H

/* Newer vmlinux.h declare the kfuncs, with signatures that changed over time; ours are below. */
#define BPF_NO_KFUNC_PROTOTYPES
#include <vmlinux.h>

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1
#define ENOENT 2
#define EAGAIN 11
#define ENOMEM 12
#define EINVAL 22
#define ERANGE 34
#define ENOSYS 38
#define ENODATA 61
#define ENOPKG 65
#define EBADMSG 74
#define ELIBBAD 80
#define ENOKEY 126
#define EKEYREJECTED 129

#define PROT_WRITE 0x2
#define PROT_EXEC 0x4
#define VM_EXEC 0x4
#define CLONE_VM 0x00000100
#define CLONE_THREAD 0x00010000
#define LSM_UNSAFE_PTRACE 2	    /* include/linux/security.h */
#define PTRACE_MODE_ATTACH 0x02 /* include/linux/ptrace.h */
#define MAP_SHARED 0x1
#define S_IFMT 0170000       /* include/uapi/linux/stat.h */
#define S_IFDIR 0040000
#define BPF_FS_MAGIC 0xcafe4a11 /* include/uapi/linux/magic.h */
#define PR_SET_MM 35	     /* include/uapi/linux/prctl.h */
#define PR_SET_MM_EXE_FILE 13
#define PR_SET_MM_MAP 14
#define FS_VERITY_HASH_ALG_SHA256 1
#define FS_VERITY_HASH_ALG_SHA512 2
#define OVERLAYFS_SUPER_MAGIC 0x794c7630 /* include/uapi/linux/magic.h */
#define TMPFS_MAGIC 0x01021994
#define BLK_OPEN_WRITE 2 /* include/linux/blkdev.h */
#define GD_READ_ONLY 1
#define FS_REQUIRES_DEV 1 /* include/linux/fs.h */
#define SYSCALL_BPF_X86_64 321
#define SYSCALL_BPF_ARM64 280
#define SB_I_IMA_UNVERIFIABLE_SIGNATURE 0x20 /* include/linux/fs.h */

/* fs/bpf_fs_kfuncs.c, fs/verity/measure.c: 6.8; the task's executable and d_path: 6.12 */
extern int bpf_get_fsverity_digest(struct file *file, struct bpf_dynptr *digest_p) __ksym __weak;
extern int bpf_get_file_xattr(struct file *file, const char *name__str, struct bpf_dynptr *value_p) __ksym __weak;
extern struct file *bpf_get_task_exe_file(struct task_struct *task) __ksym __weak;
extern void bpf_put_file(struct file *file) __ksym __weak;
extern int bpf_path_d_path(struct path *path, char *buf, size_t buf__sz) __ksym __weak;

/* kernel/bpf/helpers.c, before 6.18 kernel/trace/bpf_trace.c: 6.1 */
extern struct bpf_key *bpf_lookup_user_key(__s32 serial, __u64 flags) __ksym __weak;
extern void bpf_key_put(struct bpf_key *bkey) __ksym __weak;
extern int bpf_verify_pkcs7_signature(struct bpf_dynptr *data_p, struct bpf_dynptr *sig_p,
				      struct bpf_key *trusted_keyring) __ksym __weak;

/* kernel/bpf/helpers.c: 6.2 */
extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;
extern void bpf_rcu_read_lock(void) __ksym __weak;
extern void bpf_rcu_read_unlock(void) __ksym __weak;

/* The compiler must neither merge nor reorder these accesses; other CPUs change the memory. */
#define READ_ONCE(x) (*(const volatile typeof(x) *)&(x))
#define WRITE_ONCE(x, value) (*(volatile typeof(x) *)&(x) = (value))

#endif
