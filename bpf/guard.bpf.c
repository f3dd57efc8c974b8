// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * The guard: keeps root's hands off the gate. Only an administrator, a process that is marked and has the grant
 * "admin", reaches what is listed in `guarded`.
 *
 *   bpf_map, bpf_prog        descriptors of the gate's maps and programs, to read or to write: a program of one's own
 *                            writes through a read-only descriptor, and to a frozen map
 *   inode_unlink, inode_rmdir, inode_rename, inode_setattr
 *                            the pins and their directories
 *   sb_mount, move_mount, sb_umount, sb_remount
 *                            the file system they are in, and the mounts that lead there
 *   key_permission           the keyrings and keys named "bpfgate:..."
 *   cgroup/sysctl            kernel.ftrace_enabled, which turns all LSM programs off
 *
 * Descriptors are refused with ENOENT: tools that list what there is go on to the next object then, and stop at any
 * other error. The rest is refused with EPERM.
 *
 * Links have no hook; descriptors of them by id are refused in gate.bpf.c, and one got from a pin can neither detach
 * nor update an LSM program (bpf_tracing_link_lops in kernel/bpf/syscall.c has neither).
 */
#include "guarded.bpf.h"

SEC("lsm/bpf_map")
int BPF_PROG(guard_map, struct bpf_map *map, fmode_t fmode, int ret)
{
	if (ret)
		return ret;
	if (is_guarded(GATE_OBJECT_MAP, 0, map->id) && guard(GATE_REASON_GUARDED_MAP))
		return -ENOENT;
	return 0;
}

SEC("lsm/bpf_prog")
int BPF_PROG(guard_program, struct bpf_prog *prog, int ret)
{
	if (ret)
		return ret;
	if (is_guarded(GATE_OBJECT_PROGRAM, 0, prog->aux->id) && guard(GATE_REASON_GUARDED_PROGRAM))
		return -ENOENT;
	return 0;
}

SEC("lsm/inode_unlink")
int BPF_PROG(guard_unlink, struct inode *dir, struct dentry *dentry, int ret)
{
	struct inode *inode = dentry->d_inode;

	if (ret)
		return ret;
	if (is_guarded_inode(inode) && guard(GATE_REASON_GUARDED_PIN))
		return -EPERM;
	return 0;
}

SEC("lsm/inode_rmdir")
int BPF_PROG(guard_rmdir, struct inode *dir, struct dentry *dentry, int ret)
{
	struct inode *inode = dentry->d_inode;

	if (ret)
		return ret;
	if (is_guarded_inode(inode) && guard(GATE_REASON_GUARDED_PIN))
		return -EPERM;
	return 0;
}

/* What is renamed, and what would be replaced or exchanged. */
SEC("lsm/inode_rename")
int BPF_PROG(guard_rename, struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir,
	     struct dentry *new_dentry, int ret)
{
	struct inode *moved = old_dentry->d_inode, *replaced = new_dentry->d_inode;

	if (ret)
		return ret;
	if ((is_guarded_inode(moved) || is_guarded_inode(replaced)) && guard(GATE_REASON_GUARDED_PIN))
		return -EPERM;
	return 0;
}

SEC("lsm/inode_setattr")
int BPF_PROG(guard_setattr, struct mnt_idmap *idmap, struct dentry *dentry, struct iattr *attr, int ret)
{
	struct inode *inode = dentry->d_inode;

	if (ret)
		return ret;
	if (is_guarded_inode(inode) && guard(GATE_REASON_GUARDED_PIN))
		return -EPERM;
	return 0;
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
	if (ret)
		return ret;
	if (is_way_to_pins(path) && guard(GATE_REASON_GUARDED_MOUNT))
		return -EPERM;
	return 0;
}

SEC("lsm/move_mount")
int BPF_PROG(guard_move_mount, const struct path *from_path, const struct path *to_path, int ret)
{
	if (ret)
		return ret;
	if ((is_on_guarded_file_system(from_path) || is_way_to_pins(to_path)) && guard(GATE_REASON_GUARDED_MOUNT))
		return -EPERM;
	return 0;
}

/*
 * Any mount of the file system, in whatever namespace; and the mounts above it, of which a lazy unmount would take it
 * along.
 */
SEC("lsm/sb_umount")
int BPF_PROG(guard_umount, struct vfsmount *mnt, int flags, int ret)
{
	struct mount *mount = container_of(mnt, struct mount, mnt);
	int id = BPF_CORE_READ(mount, mnt_id);

	if (ret)
		return ret;
	if ((is_guarded(GATE_OBJECT_FILE_SYSTEM, mnt->mnt_sb->s_dev, 0) || is_guarded(GATE_OBJECT_MOUNT, 0, id)) &&
	    guard(GATE_REASON_GUARDED_MOUNT))
		return -EPERM;
	return 0;
}

SEC("lsm/sb_remount")
int BPF_PROG(guard_remount, struct super_block *sb, void *mnt_opts, int ret)
{
	if (ret)
		return ret;
	if (is_guarded(GATE_OBJECT_FILE_SYSTEM, sb->s_dev, 0) && guard(GATE_REASON_GUARDED_MOUNT))
		return -EPERM;
	return 0;
}

/*
 * By name, so that a keyring is guarded from the moment it exists; what others name so is theirs no longer. The
 * reference is the address of the key, its lowest bit says whether it is possessed (include/linux/key.h).
 */
static __always_inline bool is_guarded_key(unsigned long reference)
{
	const struct key *key = (const struct key *)(reference & ~1UL);
	static const char prefix[] = "bpfgate:";
	char name[sizeof(prefix)] = {};

	if (bpf_probe_read_kernel(name, sizeof(name) - 1, BPF_CORE_READ(key, description)))
		return false;
	return bpf_strncmp(name, sizeof(name) - 1, prefix) == 0;
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
	if (!is_guarded_key(reference))
		return 0;
	thread = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	if ((need == KEY_NEED_SEARCH || need == KEY_DEFER_PERM_CHECK) && thread &&
	    READ_ONCE(thread->workspace.verifying))
		return 0;
	if (guard(GATE_REASON_GUARDED_KEY))
		return -EPERM;
	return 0;
}

/*
 * All LSM programs are called through ftrace, and kernel.ftrace_enabled=0 takes every such call out. No hook of LSMs
 * sees sysctls being written. An administrator has no use for it either.
 */
SEC("cgroup/sysctl")
int guard_sysctl(struct bpf_sysctl *context)
{
	static const char switched_off[] = "kernel/ftrace_enabled";
	struct gate_facts facts = {
		.kind = GATE_EVENT_REFUSED,
		.command = GATE_NO_COMMAND,
		.program_type = GATE_NO_PROGRAM_TYPE,
		.reason = GATE_REASON_GUARDED_SYSCTL,
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
