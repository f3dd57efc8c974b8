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

	return inode && (inode->i_mode & S_IFMT) == S_IFDIR &&
	       is_guarded(GATE_OBJECT_INODE, inode->i_sb->s_dev, inode->i_ino);
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

#define GATE_MAX_MOUNTS (1 << 20)

/* A walk over all that is mounted below, as next_mnt() in fs/namespace.c does it. */
struct gate_walk {
	struct mount *root;
	struct mount *at;
	bool ascending;
	bool found;
	bool finished;
	__u32 pins_below; /* mounts of the pins' file system that go along, of those the host has */
	struct super_block *pins;
};

static __always_inline bool is_of_host(struct mount *mount)
{
	return is_guarded(GATE_OBJECT_MOUNT_NAMESPACE, 0, BPF_CORE_READ(mount, mnt_ns, ns.inum));
}

/*
 * Where unmounting is passed on to peers, what they have goes too: whatever is mounted in the place of the pins, for
 * that is what it goes by. Otherwise only what goes is counted. A private copy in some container's namespace may go.
 */
static __always_inline bool takes_pins_along(struct mount *mount, struct gate_walk *walk)
{
	struct super_block *file_system = BPF_CORE_READ(mount, mnt.mnt_sb);
	bool has_pins = is_guarded(GATE_OBJECT_FILE_SYSTEM, BPF_CORE_READ(file_system, s_dev), 0);
	struct inode *mount_point = BPF_CORE_READ(mount, mnt_mountpoint, d_inode);

	if (BPF_CORE_READ(mount, mnt_parent, mnt_group_id) == 0) {
		if (has_pins && is_of_host(mount)) {
			walk->pins_below++;
			walk->pins = file_system;
		}
		return false;
	}
	return has_pins || is_guarded(GATE_OBJECT_INODE, BPF_CORE_READ(mount_point, i_sb, s_dev),
				      BPF_CORE_READ(mount_point, i_ino));
}

/* A file system's mounts were on a list_head until 6.17, and follow each other by a pointer since. */
struct mount___list {
	struct list_head mnt_instance;
} __attribute__((preserve_access_index));

struct super_block___list {
	struct list_head s_mounts;
} __attribute__((preserve_access_index));

struct mount___next {
	struct mount___next *mnt_next_for_sb;
} __attribute__((preserve_access_index));

struct super_block___next {
	struct mount___next *s_mounts;
} __attribute__((preserve_access_index));

struct gate_count {
	struct list_head *end; /* where there is a list_head */
	struct list_head *entry;
	struct mount___next *next;
	__u32 mounts;
	bool finished;
};

static long count_list_step(__u64 step, struct gate_count *count)
{
	struct list_head *entry = count->entry;
	struct mount *mount;

	if (entry == count->end) {
		count->finished = true;
		return 1;
	}
	mount = (void *)entry - bpf_core_field_offset(struct mount___list, mnt_instance);
	if (is_of_host(mount))
		count->mounts++;
	count->entry = BPF_CORE_READ(entry, next);
	return 0;
}

static long count_next_step(__u64 step, struct gate_count *count)
{
	struct mount___next *mount = count->next;

	if (!mount) {
		count->finished = true;
		return 1;
	}
	if (is_of_host((struct mount *)mount))
		count->mounts++;
	count->next = BPF_CORE_READ(mount, mnt_next_for_sb);
	return 0;
}

/*
 * Whether the host keeps another mount of the pins' file system. So whoever leaves an old root behind, with all that is
 * mounted there, as the way from an initramfs to the host and a soft reboot do, has put the same mounts into the new
 * one before.
 */
static __always_inline bool keeps_pins(const struct gate_walk *walk)
{
	struct gate_count count = {};
	struct super_block___next *by_next = (void *)walk->pins;
	struct mount___next *shape = NULL;
	struct list_head *end;

	if (bpf_core_field_exists(shape->mnt_next_for_sb)) {
		count.next = BPF_CORE_READ(by_next, s_mounts);
		bpf_loop(GATE_MAX_MOUNTS, count_next_step, &count, 0);
	} else {
		end = (void *)walk->pins + bpf_core_field_offset(struct super_block___list, s_mounts);
		count.end = end;
		count.entry = BPF_CORE_READ(end, next);
		bpf_loop(GATE_MAX_MOUNTS, count_list_step, &count, 0);
	}
	return count.finished && count.mounts > walk->pins_below;
}

static __always_inline struct mount *mount_of_child(struct list_head *entry)
{
	return (struct mount *)((void *)entry - bpf_core_field_offset(struct mount, mnt_child));
}

static __always_inline struct list_head *address_of_children(struct mount *mount)
{
	return (struct list_head *)((void *)mount + bpf_core_field_offset(struct mount, mnt_mounts));
}

/* Down to the first child, or else to the next sibling, or else up and on from there. */
static long walk_step(__u64 step, struct gate_walk *walk)
{
	struct mount *at = walk->at, *parent;
	struct list_head *next;

	if (!walk->ascending) {
		if (takes_pins_along(at, walk)) {
			walk->found = true;
			return 1;
		}
		next = BPF_CORE_READ(at, mnt_mounts.next);
		if (next != address_of_children(at)) {
			walk->at = mount_of_child(next);
			return 0;
		}
	}
	if (at == walk->root) {
		walk->finished = true;
		return 1;
	}
	next = BPF_CORE_READ(at, mnt_child.next);
	parent = BPF_CORE_READ(at, mnt_parent);
	walk->ascending = next == address_of_children(parent);
	walk->at = walk->ascending ? parent : mount_of_child(next);
	return 0;
}

/* What is mounted below goes along when the unmounting is lazy. A walk that comes to no end refuses. */
SEC("lsm/sb_umount")
int BPF_PROG(guard_umount, struct vfsmount *mnt, int flags, int ret)
{
	struct gate_walk walk = {};
	__u64 address = 0;

	if (ret)
		return ret;
	/* As a number, because the verifier lets nobody calculate with a pointer it trusts. */
	bpf_get_func_arg(ctx, 0, &address);
	walk.root = (struct mount *)(address - bpf_core_field_offset(struct mount, mnt));
	walk.at = walk.root;
	bpf_loop(GATE_MAX_MOUNTS, walk_step, &walk, 0);
	return refuse_if(walk.found || !walk.finished || (walk.pins_below && !keeps_pins(&walk)),
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
