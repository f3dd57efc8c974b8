/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* What of the gate itself is out of reach, and for whom. Which kernel events reach for it is in guard.bpf.c. */
#ifndef BPFGATE_GUARDED_BPF_H
#define BPFGATE_GUARDED_BPF_H

#include "mark.bpf.h"

/* Written once, before the gate is armed, and frozen then. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, GATE_MAX_GUARDED);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__type(key, struct gate_object);
	__type(value, __u32);
} guarded SEC(".maps");

/* 0 where it is not guarded. */
static __always_inline __u32 reach_of(__u32 kind, __u32 device, __u64 id)
{
	struct gate_object object = {.kind = kind, .device = device, .id = id};
	__u32 *reach = bpf_map_lookup_elem(&guarded, &object);

	return reach ? *reach : 0;
}

static __always_inline bool is_guarded(__u32 kind, __u32 device, __u64 id)
{
	return reach_of(kind, device, id) != 0;
}

static __always_inline bool is_guarded_inode(struct inode *inode)
{
	/* Every unlink and rename on the host comes by. */
	if (!inode || inode->i_sb->s_magic != BPF_FS_MAGIC)
		return false;
	return is_guarded(GATE_OBJECT_INODE, inode->i_sb->s_dev, inode->i_ino);
}

/* A listing comes by every one of the gate's objects. */
static __always_inline bool is_first_of_reason(struct gate_mark *mark, __u32 reason)
{
	__u64 bit = 1ULL << (reason & 63);

	return !(__sync_fetch_and_or(&mark->reached, bit) & bit);
}

static __noinline int guard_refuse(__u32 reason)
{
	struct gate_task *process = current_process(0);
	struct gate_facts facts = {
		.kind = GATE_EVENT_REFUSED,
		.verdict = GATE_VERDICT_UNKNOWN,
		.reason = reason,
		.grant = GATE_MAX_GRANTS, /* none */
	};

	bool is_news = true;

	if (process) {
		is_news = is_first_of_reason(&process->mark, reason);
		facts.verdict = process->mark.verdict;
		facts.flags = event_flags(&process->mark);
		facts.grant = first_of(process->mark.grants);
	}
	if (guard_only_audits()) {
		facts.kind = GATE_EVENT_WOULD_REFUSE;
		count(would_refuse);
		if (is_news)
			report(bpf_get_current_task_btf(), &facts);
		return 0;
	}
	count(refused);
	if (is_news)
		report(bpf_get_current_task_btf(), &facts);
	return -EPERM;
}

/* For hooks whose return value the verifier must see in range. */
static __always_inline int guard(__u32 reason)
{
	if (is_administrator())
		return 0;
	if (guard_refuse(reason))
		return -EPERM;
	return 0;
}
/*
 * Programs that could undo the gate from beside it: those that replace the answer of a kernel function, security_bpf()
 * and the system calls among them (fmod_ret); LSM programs of cgroups, which set any return value, where others may
 * only refuse; and those on sysctls, of which a later one overrules guard_sysctl.
 */
static __always_inline bool could_undo_the_gate(const union bpf_attr *attr)
{
	return (attr->prog_type == BPF_PROG_TYPE_TRACING && attr->expected_attach_type == BPF_MODIFY_RETURN) ||
	       (attr->prog_type == BPF_PROG_TYPE_LSM && attr->expected_attach_type == BPF_LSM_CGROUP) ||
	       attr->prog_type == BPF_PROG_TYPE_CGROUP_SYSCTL;
}

#endif
