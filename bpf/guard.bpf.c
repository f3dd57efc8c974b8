// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The guard: keeps root's hands off the gate. Only an administrator, a process that is marked and has the grant
 * "admin", reaches what is listed in `guarded`.
 *
 *   bpf_map, bpf_prog        descriptors of the gate's maps and programs, to read or to write: a program of one's own
 *                            writes through a read-only descriptor, and to a frozen map; and of programs that write
 *                            the registers of processes
 *   inode_unlink, inode_rmdir, inode_rename, inode_setattr, inode_create, inode_mkdir, inode_symlink, inode_link
 *                            the pins and their directories
 *   sb_mount, move_mount, sb_umount, sb_remount
 *                            the file system they are in, and the mounts that lead there
 *   key_permission           the keyrings and keys named "bpfgate:..."
 *   cgroup/sysctl            kernel.ftrace_enabled, which turns all LSM programs off
 *
 * Descriptors are refused with ENOENT: tools that list what there is go on to the next object then, and stop at any
 * other error. The rest is refused with EPERM.
 *
 * Links have no hook; descriptors of them by id are refused in call.bpf.c, and one got from a pin can neither detach
 * nor update an LSM program (bpf_tracing_link_lops in kernel/bpf/syscall.c has neither).
 */
#include "guarded.bpf.h"
#include "mounts.bpf.h"
#include "signature.bpf.h"

SEC("lsm/bpf_map")
int BPF_PROG(guard_map, struct bpf_map *map, fmode_t fmode, int ret)
{
	__u32 reach;

	if (ret)
		return ret;
	reach = reach_of(GATE_OBJECT_MAP, 0, map->id);
	if (!reach)
		return 0;
	/* Marks and verdicts: what is written there while the gate only audits would count later on. */
	if (reach != GATE_FOR_ADMINISTRATORS) {
		if (!is_administrator())
			guard_refuse(GATE_REASON_GUARDED_MAP);
		return -ENOENT;
	}
	if (guard(GATE_REASON_GUARDED_MAP))
		return -ENOENT;
	return 0;
}

/* 6.18 and later: a program for uprobes that writes the registers of the process it interrupts, as no hook would see.
 */
struct bpf_prog_aux___write {
	bool kprobe_write_ctx;
} __attribute__((preserve_access_index));

static __always_inline bool writes_registers(struct bpf_prog *prog)
{
	struct bpf_prog_aux___write *aux = (void *)prog->aux;
	bool writes = true;

	if (!bpf_core_field_exists(aux->kprobe_write_ctx))
		return false;
	bpf_core_read(&writes, sizeof(writes), &aux->kprobe_write_ctx);
	return writes;
}

/* Comes after the verifier: what a program does to its context it knows by then. */
SEC("lsm/bpf_prog")
int BPF_PROG(guard_program, struct bpf_prog *prog, int ret)
{
	if (ret)
		return ret;
	if (writes_registers(prog) && guard(GATE_REASON_GUARDED_HOOK))
		return -EPERM;
	if (is_guarded(GATE_OBJECT_PROGRAM, 0, prog->aux->id) && guard(GATE_REASON_GUARDED_PROGRAM))
		return -ENOENT;
	return 0;
}

/* What hooks say that pass or refuse; `ret` is what the modules before said. */
static __always_inline int refuse_if(bool concerned, __u32 reason, int ret)
{
	if (ret)
		return ret;
	return concerned && guard(reason) ? -EPERM : 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(guard_unlink, struct inode *dir, struct dentry *dentry, int ret)
{
	return refuse_if(is_guarded_inode(dentry->d_inode), GATE_REASON_GUARDED_PIN, ret);
}

/*
 * Also a directory that the pins' file system is mounted on, or what that is mounted on: removed where it is no mount
 * point, in another namespace, it is unmounted here (detach_mounts() in fs/namespace.c), and no hook sees that.
 */
static __always_inline bool is_guarded_directory(struct dentry *dentry)
{
	struct inode *inode = dentry->d_inode;

	return inode && (inode->i_mode & S_IFMT) == S_IFDIR && is_on_way(inode->i_sb->s_dev, inode->i_ino);
}

SEC("lsm/inode_rmdir")
int BPF_PROG(guard_rmdir, struct inode *dir, struct dentry *dentry, int ret)
{
	return refuse_if(is_guarded_directory(dentry), GATE_REASON_GUARDED_PIN, ret);
}

static __always_inline bool is_guarded_name(struct dentry *dentry)
{
	return is_guarded_inode(dentry->d_inode) || is_guarded_directory(dentry);
}

/* What is renamed, and what would be replaced or exchanged. */
SEC("lsm/inode_rename")
int BPF_PROG(guard_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
	     struct dentry *new_dentry, int ret)
{
	return refuse_if(is_guarded_name(old_dentry) || is_guarded_name(new_dentry), GATE_REASON_GUARDED_PIN, ret);
}

SEC("lsm/inode_setattr")
int BPF_PROG(guard_setattr, struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr, int ret)
{
	return refuse_if(is_guarded_inode(dentry->d_inode), GATE_REASON_GUARDED_PIN, ret);
}

/*
 * What stands in the directories besides the pins would be in the way of whoever reads them, and a second name of a pin
 * would keep the gate when it is taken away.
 */
SEC("lsm/inode_create")
int BPF_PROG(guard_create, struct inode *dir, struct dentry *dentry, umode_t mode, int ret)
{
	return refuse_if(is_guarded_inode(dir), GATE_REASON_GUARDED_PIN, ret);
}

SEC("lsm/inode_mkdir")
int BPF_PROG(guard_mkdir, struct inode *dir, struct dentry *dentry, umode_t mode, int ret)
{
	return refuse_if(is_guarded_inode(dir), GATE_REASON_GUARDED_PIN, ret);
}

SEC("lsm/inode_symlink")
int BPF_PROG(guard_symlink, struct inode *dir, struct dentry *dentry, const char *old_name, int ret)
{
	return refuse_if(is_guarded_inode(dir), GATE_REASON_GUARDED_PIN, ret);
}

SEC("lsm/inode_link")
int BPF_PROG(guard_hard_link, struct dentry *old_dentry, struct inode *dir, struct dentry *new_dentry, int ret)
{
	return refuse_if(is_guarded_inode(dir) || is_guarded_inode(old_dentry->d_inode), GATE_REASON_GUARDED_PIN, ret);
}

static __always_inline bool is_on_guarded_file_system(const struct path *path)
{
	return is_guarded(GATE_OBJECT_FILE_SYSTEM, path->dentry->d_sb->s_dev, 0);
}

/* Where something mounted would hide the pins. */
static __always_inline bool is_way_to_pins(const struct path *path)
{
	struct dentry *dentry = path->dentry;

	return is_on_guarded_file_system(path) && (dentry == dentry->d_sb->s_root || is_guarded_inode(dentry->d_inode));
}

/* `path` is the target. The source of a bind or a move is a mere string here; see THREATS.md. */
SEC("lsm/sb_mount")
int BPF_PROG(guard_mount, const char *dev_name, const struct path *path, const char *type, unsigned long flags,
	     void *data, int ret)
{
	return refuse_if(is_way_to_pins(path), GATE_REASON_GUARDED_MOUNT, ret);
}

SEC("lsm/move_mount")
int BPF_PROG(guard_move_mount, const struct path *from_path, const struct path *to_path, int ret)
{
	return refuse_if(is_on_guarded_file_system(from_path) || is_way_to_pins(to_path), GATE_REASON_GUARDED_MOUNT,
			 ret);
}

SEC("lsm/sb_umount")
int BPF_PROG(guard_umount, struct vfsmount *mnt, int flags, int ret)
{
	__u64 address = 0;

	if (ret)
		return ret;
	/* As a number, because the verifier lets nobody calculate with a pointer it trusts. */
	bpf_get_func_arg(ctx, 0, &address);
	return refuse_if(unmounting_loses_pins((struct mount *)(address - bpf_core_field_offset(struct mount, mnt))),
			 GATE_REASON_GUARDED_MOUNT, ret);
}

SEC("lsm/sb_remount")
int BPF_PROG(guard_remount, struct super_block *sb, void *mnt_opts, int ret)
{
	return refuse_if(is_guarded(GATE_OBJECT_FILE_SYSTEM, sb->s_dev, 0), GATE_REASON_GUARDED_MOUNT, ret);
}

/*
 * In the system call bpf(2) a key is searched for verifying alone, by the kernel (a program's signature) or by a
 * program. By the number and not by the gate's own hooks, because a load that fails before the next hook would leave
 * whatever one of them had noted. The number is the one the kernel calls by: a debugger that changes it does so before.
 */
struct pt_regs___x86 {
	unsigned long orig_ax;
} __attribute__((preserve_access_index));

struct pt_regs___arm64 {
	__s32 syscallno;
} __attribute__((preserve_access_index));

static __always_inline bool is_calling_bpf(void)
{
	void *registers = (void *)bpf_task_pt_regs(bpf_get_current_task_btf());
	struct pt_regs___arm64 *arm64 = registers;
	struct pt_regs___x86 *x86 = registers;

	if (bpf_core_field_exists(x86->orig_ax))
		return BPF_CORE_READ(x86, orig_ax) == SYSCALL_BPF_X86_64;
	if (bpf_core_field_exists(arm64->syscallno))
		return BPF_CORE_READ(arm64, syscallno) == SYSCALL_BPF_ARM64;
	return false;
}

/*
 * To see that a key is there is everybody's right. Searching, which verification does, is enough to invalidate a key:
 * so it passes for a thread that is verifying, and for nobody else; the same goes for a lookup whose permissions are
 * to be checked later.
 */
SEC("lsm/key_permission")
int BPF_PROG(guard_key, key_ref_t key_ref, const struct cred *cred, enum key_need_perm need, int ret)
{
	struct gate_task *thread;
	__u64 reference = 0;

	if (ret)
		return ret;
	if (need == KEY_NEED_VIEW || need == KEY_NEED_READ)
		return 0;
	bpf_get_func_arg(ctx, 0, &reference); /* its type is opaque, and reading it from ctx refused */
	/* The lowest bit says whether the key is possessed (include/linux/key.h). */
	if (!is_gate_key((const struct key *)(reference & ~1UL)))
		return 0;
	thread = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	if ((need == KEY_NEED_SEARCH || need == KEY_DEFER_PERM_CHECK) &&
	    ((thread && READ_ONCE(thread->workspace.verifying)) || is_calling_bpf()))
		return 0;
	/* Every search of the keyring above comes by here; nobody means anything by it. */
	if (need == KEY_NEED_SEARCH && !is_administrator() && !guard_only_audits())
		return -EPERM;
	if (guard(GATE_REASON_GUARDED_KEY))
		return -EPERM;
	return 0;
}

/*
 * All LSM programs are called through ftrace, and kernel.ftrace_enabled=0 takes every such call out. The hooks that see
 * files opened and written would cost each of those on the host; none is about sysctls. An administrator has no use for
 * it either.
 */
SEC("cgroup/sysctl")
int guard_sysctl(struct bpf_sysctl *context)
{
	static const char switched_off[] = "kernel/ftrace_enabled";
	struct gate_facts facts = {
		.kind = GATE_EVENT_REFUSED,
		.reason = GATE_REASON_GUARDED_SYSCTL,
		.grant = GATE_MAX_GRANTS, /* none would allow it */
	};
	char name[sizeof(switched_off)] = {};
	bool refuses = !guard_only_audits();

	if (!context->write || bpf_sysctl_get_name(context, name, sizeof(name), 0) != sizeof(name) - 1 ||
	    bpf_strncmp(name, sizeof(name), switched_off) != 0)
		return 1;
	if (!refuses)
		facts.kind = GATE_EVENT_WOULD_REFUSE;
	if (refuses)
		count(refused);
	else
		count(would_refuse);
	report_without_path(bpf_get_current_task_btf(), &facts);
	return refuses ? 0 : 1;
}
