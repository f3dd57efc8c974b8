/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Which mounts lead to the pins, and what of them an unmounting would leave. What it is asked for is in guard.bpf.c. */
#ifndef BPFGATE_MOUNTS_BPF_H
#define BPFGATE_MOUNTS_BPF_H

#include "guarded.bpf.h"

/* Directories that mounts on the way to the pins are on, since process 1 has moved those: see leaves_pins(). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_MAX_WAYS);
	__type(key, struct gate_object);
	__type(value, __u32);
} ways SEC(".maps");

static __always_inline bool is_on_way(__u32 device, __u64 id)
{
	struct gate_object object = {GATE_OBJECT_INODE, device, id};

	return is_guarded(GATE_OBJECT_INODE, device, id) || bpf_map_lookup_elem(&ways, &object);
}

static __always_inline bool is_of(__u32 whose, struct mount *mount)
{
	return is_guarded(GATE_OBJECT_MOUNT_NAMESPACE, whose, BPF_CORE_READ(mount, mnt_ns, ns.inum));
}

static __always_inline struct gate_object directory_of(struct mount *mount)
{
	struct inode *directory = BPF_CORE_READ(mount, mnt_mountpoint, d_inode);
	struct gate_object object = {
		GATE_OBJECT_INODE,
		BPF_CORE_READ(directory, i_sb, s_dev),
		BPF_CORE_READ(directory, i_ino),
	};

	return object;
}

static __always_inline bool is_on_guarded_directory(struct mount *mount)
{
	struct gate_object directory = directory_of(mount);

	return is_on_way(directory.device, directory.id);
}

static __always_inline bool guard_directory_of(struct mount *mount)
{
	struct gate_object directory = directory_of(mount);
	__u32 reach = GATE_FOR_ADMINISTRATORS;

	return bpf_map_update_elem(&ways, &directory, &reach, BPF_ANY) == 0;
}

/* Far more than there are mounts on the way to anything. */
#define GATE_MAX_WAY 16

/* DCACHE_OP_REVALIDATE (include/linux/dcache.h), which was a macro for long. */
#define GATE_DCACHE_OP_REVALIDATE (1 << 2)

enum gate_demand { GATE_WAY_IS_GUARDED, GATE_WAY_CAN_BE, GATE_WAY_IS_TO_BE };

struct gate_way {
	struct mount *mount;
	struct mount *leaving; /* what goes, with all that is below */
	enum gate_demand demand;
	bool good;
};

static long way_step(__u64 step, struct gate_way *way)
{
	struct mount *mount = way->mount, *parent = BPF_CORE_READ(mount, mnt_parent);
	struct dentry *place = BPF_CORE_READ(mount, mnt_mountpoint);

	/* No mount is without a parent: what cannot be read leads nowhere. */
	if (mount == way->leaving || !parent)
		return 1;
	if (parent == mount) {
		way->good = true;
		return 1;
	}
	way->mount = parent;
	/* The root of a file system has no name that could be removed. */
	if (BPF_CORE_READ(place, d_parent) == place || is_on_guarded_directory(mount))
		return 0;
	if (way->demand == GATE_WAY_IS_GUARDED)
		return 1;
	/* A file system that asks somebody whether names are still good drops them by itself, and no hook sees that. */
	if (BPF_CORE_READ(place, d_flags) & GATE_DCACHE_OP_REVALIDATE)
		return 1;
	return way->demand != GATE_WAY_CAN_BE && !guard_directory_of(mount);
}

/*
 * Whether nobody removes, in another namespace, what it or one above it is mounted on; or whether that can be seen to.
 * By addresses, which a global function can be given.
 */
__noinline int is_way_good(__u64 mount, __u64 leaving, __u32 demand)
{
	struct gate_way way = {
		.mount = (struct mount *)mount,
		.leaving = (struct mount *)leaving,
		.demand = demand,
	};

	bpf_loop(GATE_MAX_WAY, way_step, &way, 0);
	return way.good;
}

/* Whether the pins are found at a mount of their file system, in the namespace that stays. */
static __always_inline bool shows_pins(struct mount *mount)
{
	return is_of(GATE_NAMESPACE_OF_PROCESS_1, mount) && is_on_guarded_directory(mount) &&
	       BPF_CORE_READ(mount, mnt.mnt_root) == BPF_CORE_READ(mount, mnt.mnt_sb, s_root);
}

#define GATE_MAX_MOUNTS (1 << 20)

/* A walk over all that is mounted below, as next_mnt() in fs/namespace.c does it. */
struct gate_walk {
	struct mount *root;
	struct mount *at;
	bool ascending;
	bool found;
	bool finished;
	bool takes_keeper; /* a mount of it that nobody else removes goes along */
	struct super_block *pins; /* where one of its mounts goes along */
};

/*
 * Where unmounting is passed on to peers, what they have goes too: whatever is mounted in the place of the pins, for
 * that is what it goes by. Otherwise only what goes is counted. A private copy in some container's namespace may go.
 */
static __always_inline bool takes_pins_along(struct mount *mount, struct gate_walk *walk)
{
	struct super_block *file_system = BPF_CORE_READ(mount, mnt.mnt_sb);
	bool has_pins = is_guarded(GATE_OBJECT_FILE_SYSTEM, BPF_CORE_READ(file_system, s_dev), 0);

	if (BPF_CORE_READ(mount, mnt_parent, mnt_group_id) != 0)
		return has_pins || is_on_guarded_directory(mount);
	if (has_pins && (is_of(GATE_NAMESPACE_OF_PROCESS_1, mount) || is_of(GATE_NAMESPACE_OF_LOADER, mount))) {
		walk->pins = file_system;
		if (shows_pins(mount) && is_way_good((__u64)mount, 0, GATE_WAY_IS_GUARDED))
			walk->takes_keeper = true;
	}
	return false;
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

struct gate_survey {
	struct list_head *end; /* where there is a list_head */
	struct list_head *entry;
	struct mount___next *next;
	struct mount *leaving;
	bool is_process_1;
	bool found;
};

/* Only what stays when the others have gone. */
static __always_inline bool keeps_pins(struct mount *mount, struct gate_survey *survey)
{
	__u64 leaving = (__u64)survey->leaving;

	if (!shows_pins(mount))
		return false;
	if (!survey->is_process_1)
		return is_way_good((__u64)mount, leaving, GATE_WAY_IS_GUARDED);
	return is_way_good((__u64)mount, leaving, GATE_WAY_CAN_BE) &&
	       is_way_good((__u64)mount, leaving, GATE_WAY_IS_TO_BE);
}

static long survey_list_step(__u64 step, struct gate_survey *survey)
{
	struct list_head *entry = survey->entry;

	if (entry == survey->end)
		return 1;
	if (keeps_pins((void *)entry - bpf_core_field_offset(struct mount___list, mnt_instance), survey)) {
		survey->found = true;
		return 1;
	}
	survey->entry = BPF_CORE_READ(entry, next);
	return 0;
}

static long survey_next_step(__u64 step, struct gate_survey *survey)
{
	struct mount___next *mount = survey->next;

	if (!mount)
		return 1;
	if (keeps_pins((struct mount *)mount, survey)) {
		survey->found = true;
		return 1;
	}
	survey->next = BPF_CORE_READ(mount, mnt_next_for_sb);
	return 0;
}

#define GATE_PROCESS_1 (1ULL << 32 | 1)

/*
 * Whether another mount keeps the pins. On the way from an initramfs to the host, and in a soft reboot, process 1
 * leaves an old root behind with all that is mounted there, and has put the same mounts into the new one before: one of
 * them is guarded from then on as the old one was. Nobody else takes one along that is.
 */
static __always_inline bool leaves_pins(const struct gate_walk *walk)
{
	struct gate_survey survey = {
		.leaving = walk->root,
		.is_process_1 = bpf_get_current_pid_tgid() == GATE_PROCESS_1,
	};
	struct super_block___next *by_next = (void *)walk->pins;
	struct mount___next *shape = NULL;
	struct list_head *end;

	if (walk->takes_keeper && !survey.is_process_1)
		return false;
	if (bpf_core_field_exists(shape->mnt_next_for_sb)) {
		survey.next = BPF_CORE_READ(by_next, s_mounts);
		bpf_loop(GATE_MAX_MOUNTS, survey_next_step, &survey, 0);
	} else {
		end = (void *)walk->pins + bpf_core_field_offset(struct super_block___list, s_mounts);
		survey.end = end;
		survey.entry = BPF_CORE_READ(end, next);
		bpf_loop(GATE_MAX_MOUNTS, survey_list_step, &survey, 0);
	}
	return survey.found;
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

/*
 * What is mounted below goes along when the unmounting is lazy. A walk that comes to no end is one that loses them.
 */
static __always_inline bool unmounting_loses_pins(struct mount *root)
{
	struct gate_walk walk = {.root = root, .at = root};

	bpf_loop(GATE_MAX_MOUNTS, walk_step, &walk, 0);
	return walk.found || !walk.finished || (walk.pins && !leaves_pins(&walk));
}

#endif
