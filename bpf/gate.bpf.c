// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The gate: which process is proven to be what, from its exec on.
 *
 *   bprm_creds_from_file     judges the file that is about to become the process; asks for AT_SECURE
 *   bprm_committed_creds     makes that judgement the process's mark
 *   task_alloc               hands the mark on to a child process
 *   sched_process_fork       (a tracepoint) hands on what tainted the parent meanwhile
 *   mmap_file, file_mprotect take it away when unproven code comes in
 *   ptrace_access_check      refuses debuggers and their like, or lets them take the mark away
 *   ptrace_traceme, task_prctl
 *                            take it away from a process that opens itself to others
 *   inode_setxattr, inode_removexattr and their inode_post_ twins
 *                            forget the verdict on a file whose signature is touched
 *
 * What marked processes may do is decided in call.bpf.c.
 *
 * Every program returns the verdict of the LSM before it where that refused (`ret`).
 */
#include "evidence.bpf.h"
#include "guarded.bpf.h"

/* Set before load. In a section, and so in a map, of its own: its place must not depend on the rest of .rodata. */
const volatile struct gate_about about SEC(".rodata.about") = {.abi_version = GATE_ABI_VERSION};

SEC("lsm.s/bprm_creds_from_file")
int BPF_PROG(gate_exec, struct linux_binprm *bprm, const struct file *file, int ret)
{
	struct gate_judgement judgement = {};
	struct gate_task *thread;

	if (ret)
		return ret;
	thread = current_thread();
	/* Without storage the image would later pass for one older than the gate. The kernel, too, fails exec without
	 * memory. */
	if (!thread)
		return -ENOMEM;
	/* bprm->file, not the argument: for binfmt_misc with credentials that one is not what will run. */
	judge(bprm->file, &judgement);
	__builtin_memset(&thread->next, 0, sizeof(thread->next));
	mark_from(&thread->next, &judgement, &thread->workspace.message.digest);
	if (bprm->unsafe & LSM_UNSAFE_PTRACE) {
		thread->next.state = GATE_IMAGE_UNPROVEN;
		thread->next.reason = GATE_REASON_EXEC_TRACED;
		thread->next.grants = 0;
		thread->next.commands = 0;
	}
	thread->pending = 1;
	/* AT_SECURE keeps the dynamic linker from obeying LD_PRELOAD, LD_AUDIT and LD_LIBRARY_PATH. */
	if (thread->next.state == GATE_IMAGE_WATCHED)
		bpf_bprm_opts_set(bprm, BPF_F_BPRM_SECUREEXEC);
	return 0;
}

SEC("lsm.s/bprm_committed_creds")
void BPF_PROG(gate_exec_done, struct linux_binprm *bprm)
{
	/* The calling thread is the leader by now, whichever it was before (de_thread() in fs/exec.c). */
	struct gate_task *thread = current_thread();
	__u64 image = __sync_fetch_and_add(&last_image, 1) + 1;

	if (!thread)
		return;
	/* Not pending: this exec began before gate_exec was attached, so the image counts as older than the gate. */
	if (!thread->pending)
		__builtin_memset(&thread->next, 0, sizeof(thread->next));
	thread->next.image = image;
	thread->pending = 0;
	bpf_spin_lock(&thread->lock);
	thread->mark.generation = GATE_NO_GENERATION;
	thread->mark = thread->next;
	bpf_spin_unlock(&thread->lock);
}

SEC("lsm.s/task_alloc")
int BPF_PROG(gate_fork, struct task_struct *task, unsigned long clone_flags, int ret)
{
	bool shares_memory = clone_flags & CLONE_VM;
	struct gate_task *parent, *child;
	struct task_struct *current_task = bpf_get_current_task_btf();

	if (ret)
		return ret;
	if (clone_flags & CLONE_THREAD || !current_task->mm)
		return 0;
	parent = current_process(shares_memory ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);
	if (!parent)
		return shares_memory ? -ENOMEM : 0;
	child = bpf_task_storage_get(&tasks, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!child)
		return -ENOMEM;
	inherit(&child->mark, parent, current_task->tgid, shares_memory);
	return 0;
}

/*
 * Between gate_fork and the copying of the memory another thread may have brought code in, and tainted the parent only.
 * Here the child has its memory, but has not run yet (kernel_clone() in kernel/fork.c). No LSM hook comes this late.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(gate_forked, struct task_struct *parent, struct task_struct *child)
{
	struct gate_task *from, *to;

	if (child->tgid == parent->tgid)
		return 0;
	from = bpf_task_storage_get(&tasks, parent->group_leader, 0, 0);
	to = bpf_task_storage_get(&tasks, child, 0, 0);
	if (!from || !to)
		return 0;
	if (READ_ONCE(from->mark.anonymous_code))
		WRITE_ONCE(to->mark.anonymous_code, 1);
	if (READ_ONCE(from->mark.volumes))
		depend_on_volumes(to, from->mark.volumes);
	if (READ_ONCE(from->mark.taint))
		set_taint(&to->mark, from->mark.taint);
	return 0;
}

/* What a mapping says about a process that is watched; GATE_REASON_UNSET when nothing is wrong with it. */
static __always_inline __u32 judge_mapping(struct gate_task *process, struct file *file, bool anonymous,
					   unsigned long prot)
{
	struct gate_judgement judgement = {};

	if (anonymous)
		return GATE_REASON_TAINT_ANONYMOUS;
	if (prot & PROT_WRITE)
		return GATE_REASON_TAINT_WRITABLE;
	judge(file, &judgement);
	if (judgement.verdict == GATE_VERDICT_LOADER || judgement.verdict == GATE_VERDICT_LIBRARY) {
		/* The owner of the memory would depend on it, too; whoever shares memory has no need to map code. */
		if (judgement.volumes && process->mark.owner_tgid)
			return GATE_REASON_TAINT_FILE;
		if (judgement.volumes)
			depend_on_volumes(process, judgement.volumes);
		return GATE_REASON_UNSET;
	}
	if (judgement.verdict == GATE_VERDICT_UNKNOWN)
		return judgement.reason;
	return GATE_REASON_TAINT_FILE;
}

SEC("lsm.s/mmap_file")
int BPF_PROG(gate_mmap, struct file *file, unsigned long reqprot, unsigned long prot, unsigned long flags, int ret)
{
	struct gate_task *process;
	__u64 address = 0;
	__u32 reason;

	if (ret)
		return ret;
	if (!(prot & PROT_EXEC))
		return 0;
	process = current_process(BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!process)
		return -ENOMEM;
	if (!is_watched(&process->mark))
		return 0;
	/* Before 7.0 the verifier takes the file for never NULL and drops the test; as a plain number it stays. */
	bpf_get_func_arg(ctx, 0, &address);
	if (!address || !file) {
		/* Shared, a child that is watched no more could write to it. */
		if (!(flags & MAP_SHARED) && tolerates_anonymous_code(&process->mark))
			return 0;
		reason = judge_mapping(process, file, true, prot);
	} else {
		reason = judge_mapping(process, file, false, prot);
	}
	if (reason != GATE_REASON_UNSET)
		taint_current(process, reason);
	return 0;
}

SEC("lsm/file_mprotect")
int BPF_PROG(gate_mprotect, struct vm_area_struct *vma, unsigned long reqprot, unsigned long prot, int ret)
{
	struct gate_task *process;
	bool was_executable = vma->vm_flags & VM_EXEC;

	if (ret)
		return ret;
	if (!(prot & PROT_EXEC) && !(was_executable && prot & PROT_WRITE))
		return 0;
	process = bpf_task_storage_get(&tasks, bpf_get_current_task_btf()->group_leader, 0,
				       BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!process)
		return -ENOMEM;
	if (!is_watched(&process->mark))
		return 0;
	if (!vma->vm_file && tolerates_anonymous_code(&process->mark))
		return 0;
	if (prot & PROT_EXEC && prot & PROT_WRITE)
		taint_current(process, GATE_REASON_TAINT_WRITABLE);
	else if (prot & PROT_WRITE)
		taint_current(process, GATE_REASON_TAINT_MADE_WRITABLE);
	else if (!was_executable)
		taint_current(process, GATE_REASON_TAINT_MADE_EXECUTABLE);
	return 0;
}

/* Refuses for the debugged process's sake, so it is the debugger that the event is about. */
static __always_inline int refuse_debugger(struct gate_task *process)
{
	/* An administrator's descriptors are worth a seal. */
	bool is_administrators = READ_ONCE(process->mark.flags) & GATE_GRANT_ADMIN;
	bool audits = is_administrators ? guard_only_audits() : only_audits(policy_of(READ_ONCE(active_generation)));
	struct gate_facts facts = {
		.without_path = true,
		.kind = GATE_EVENT_REFUSED,
		.verdict = process->mark.verdict,
		.reason = GATE_REASON_DEBUGGER,
		.grant = first_of(process->mark.grants),
	};

	if (!audits) {
		count(refused);
		report(bpf_get_current_task_btf(), &facts);
		return -EPERM;
	}
	facts.kind = GATE_EVENT_WOULD_REFUSE;
	count(would_refuse);
	report(bpf_get_current_task_btf(), &facts);
	return 0;
}

/*
 * A loader loses nothing by somebody else's doing: the attempt is refused, unless its grant says otherwise. A process
 * that is older than the gate and has not been judged may be anything, and is only tainted.
 */
SEC("lsm/ptrace_access_check")
int BPF_PROG(gate_ptrace, struct task_struct *child, unsigned int mode, int ret)
{
	struct gate_task *process;

	if (ret)
		return ret;
	if (!(mode & PTRACE_MODE_ATTACH))
		return 0;
	process = bpf_task_storage_get(&tasks, child->group_leader, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!process)
		return -ENOMEM;
	if (!is_watched(&process->mark))
		return 0;
	if (process->mark.state == GATE_IMAGE_WATCHED && !has_option(&process->mark, GATE_GRANT_DEBUG)) {
		if (refuse_debugger(process))
			return -EPERM;
	}
	taint_owner(&process->mark, GATE_REASON_TAINT_TRACED);
	taint(child, process, GATE_REASON_TAINT_TRACED);
	return 0;
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(gate_traceme, struct task_struct *parent, int ret)
{
	struct gate_task *process;

	if (ret)
		return ret;
	process = bpf_task_storage_get(&tasks, bpf_get_current_task_btf()->group_leader, 0,
				       BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!process)
		return -ENOMEM;
	if (is_watched(&process->mark))
		taint_current(process, GATE_REASON_TAINT_TRACED);
	return 0;
}

/* What a process says its executable is, it may be judged by. */
SEC("lsm/task_prctl")
int BPF_PROG(gate_prctl, int option, unsigned long arg2, unsigned long arg3, unsigned long arg4, unsigned long arg5,
	     int ret)
{
	struct gate_task *process;

	if (ret)
		return ret;
	/* 0 leads on to the kernel's own answer of this hook, which is "not mine" (bpf_lsm_task_prctl()). */
	if (option != PR_SET_MM || (arg2 != PR_SET_MM_EXE_FILE && arg2 != PR_SET_MM_MAP))
		return 0;
	process = bpf_task_storage_get(&tasks, bpf_get_current_task_btf()->group_leader, 0,
				       BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!process)
		return -ENOMEM;
	if (is_watched(&process->mark))
		taint_current(process, GATE_REASON_TAINT_EXE_REPLACED);
	return 0;
}

static __always_inline bool is_signature_name(const char *name)
{
	char text[sizeof(signature_xattr)];

	if (bpf_probe_read_kernel_str(text, sizeof(text), name) != sizeof(text))
		return false;
	return bpf_strncmp(text, sizeof(text), signature_xattr) == 0;
}

SEC("lsm/inode_setxattr")
int BPF_PROG(gate_setxattr, struct mnt_idmap *idmap, struct dentry *dentry, const char *name, const void *value,
	     size_t size, int flags, int ret)
{
	struct inode *inode = dentry->d_inode;

	if (!ret && inode && is_signature_name(name))
		forget_verdict(inode);
	return ret;
}

SEC("lsm/inode_removexattr")
int BPF_PROG(gate_removexattr, struct mnt_idmap *idmap, struct dentry *dentry, const char *name, int ret)
{
	struct inode *inode = dentry->d_inode;

	if (!ret && inode && is_signature_name(name))
		forget_verdict(inode);
	return ret;
}

SEC("lsm/inode_post_setxattr")
void BPF_PROG(gate_post_setxattr, struct dentry *dentry, const char *name, const void *value, size_t size, int flags)
{
	struct inode *inode = dentry->d_inode;

	if (inode && is_signature_name(name))
		forget_verdict(inode);
}

SEC("lsm/inode_post_removexattr")
void BPF_PROG(gate_post_removexattr, struct dentry *dentry, const char *name)
{
	struct inode *inode = dentry->d_inode;

	if (inode && is_signature_name(name))
		forget_verdict(inode);
}
