/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The mark: what a process has been proven to be, kept in task storage of its thread-group leader, so that one thread's
 * taint is every thread's. The rules of a mark's life are here; which kernel events trigger them is in gate.bpf.c.
 */
#ifndef BPFGATE_MARK_BPF_H
#define BPFGATE_MARK_BPF_H

#include "report.bpf.h"
#include "volume.bpf.h"

struct gate_mark {
	__u64 generation; /* of the policy that `commands` and `grants` are of */
	__u64 commands; /* allowed whatever the call is about; the others are asked about: grant.bpf.h */
	__u64 grants;
	__u64 image;	     /* tells images apart; 0 for those older than the gate */
	__u64 owner_image;
	__u32 owner_tgid; /* process whose memory this one shares (CLONE_VM), or 0 */
	__u32 state;	     /* enum gate_image */
	__u32 taint;	     /* enum gate_reason, 0 while untainted; never goes back */
	__u32 verdict;
	__u32 reason;
	__u32 flags; /* GATE_GRANT_*, as of `generation` */
	__u32 anonymous_code; /* has been let have some: see GATE_GRANT_JIT */
	__u64 reached; /* for which of the gate's own objects has been reported: reasons from 80 on */
	__u64 audited;       /* commands for which it has been reported what would be refused */
	__u64 volumes; /* some of its code is proven by a volume: `replacements` then, plus one. Else 0. */
	struct gate_digest digest;
};

struct gate_task {
	struct bpf_spin_lock lock; /* orders writers of `mark`; readers go without */
	__u32 pending;	       /* `next` awaits bprm_committed_creds */
	struct gate_mark mark;     /* counts on the thread-group leader */
	struct gate_mark next;
	struct gate_workspace workspace; /* of the task itself, leader or not */
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct gate_task);
} tasks SEC(".maps");

__u64 last_image = 0;

/*
 * There is something to lose: untainted, or with commands that set_taint() is about to clear in another thread, or with
 * an owner (GATE_REASON_SHARED_MEMORY) who would lose it.
 */
static __always_inline bool is_watched(const struct gate_mark *mark)
{
	return mark->owner_tgid ||
	       (mark->state != GATE_IMAGE_UNPROVEN && (!READ_ONCE(mark->taint) || READ_ONCE(mark->commands)));
}

static __always_inline __u32 event_flags(const struct gate_mark *mark)
{
	return mark->image ? 0 : GATE_EVENT_PRE_EXISTING;
}

/*
 * Two loads, because every bpf(2) pays for them. `generation` is read before `commands`, and set_judgement() stores
 * them in the opposite order, so that a generation is never seen with the commands of an older one. There is no third
 * load, of `taint`: whoever sets that takes the commands away as well.
 */
static __always_inline bool mark_allows(const struct gate_mark *mark, __u32 command)
{
	if (READ_ONCE(mark->generation) != READ_ONCE(active_generation))
		return false;
	barrier();
	return command < 64 && READ_ONCE(mark->commands) & 1ULL << command;
}

/* The storage of the current process's leader; NULL where there is none, or with `create` where memory is short. */
static __always_inline struct gate_task *current_process(__u64 create)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct gate_task *state;

	/* The usual case needs no lock, and the task's numbers are in a cache line of their own. */
	if (task->group_leader == task) {
		state = bpf_task_storage_get(&tasks, task, 0, create);
	} else {
		bpf_rcu_read_lock();
		state = bpf_task_storage_get(&tasks, task->group_leader, 0, create);
		bpf_rcu_read_unlock();
	}
	return state;
}

static __always_inline struct gate_task *current_thread(void)
{
	return bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/*
 * What a volume proves holds as long as no device with a root hash gets another table; only then pages are read from
 * elsewhere. Processes that have such code have no plain commands, so that each of their calls comes by this.
 */
static __always_inline bool has_lost_volume(const struct gate_mark *mark)
{
	__u64 volumes = READ_ONCE(mark->volumes);

	return volumes && volumes != READ_ONCE(replacements) + 1;
}

/* The current process has this grant option, and may be let do what it says. */
static __always_inline bool has_option(const struct gate_mark *mark, __u32 option)
{
	return READ_ONCE(mark->generation) == READ_ONCE(active_generation) && mark->state == GATE_IMAGE_WATCHED &&
	       READ_ONCE(mark->flags) & option && !READ_ONCE(mark->taint) && !has_lost_volume(mark);
}

static __always_inline bool is_administrator(void)
{
	struct gate_task *process = current_process(0);

	if (!process || !has_option(&process->mark, GATE_GRANT_ADMIN))
		return false;
	/* What happened to a process before there was a gate nobody knows: enough to load one, not to change a sealed
	 * one. */
	return process->mark.image || READ_ONCE(sealed) == GATE_UNSEALED;
}

/* The flags may be of an earlier policy; set_judgement() makes up for that. */
static __always_inline bool tolerates_anonymous_code(struct gate_mark *mark)
{
	__sync_lock_test_and_set(&mark->anonymous_code, 1);
	return mark->state == GATE_IMAGE_WATCHED && READ_ONCE(mark->flags) & GATE_GRANT_JIT;
}

/* The file's verdict as a mark. A file that is not a loader leaves an unproven image behind. */
static __always_inline void mark_from(struct gate_mark *mark, const struct gate_judgement *judgement,
				      const struct gate_digest *digest)
{
	mark->verdict = judgement->verdict;
	mark->reason = judgement->reason;
	mark->grants = judgement->grants;
	mark->commands = judgement->commands;
	mark->flags = judgement->flags;
	mark->generation = judgement->generation;
	mark->state = GATE_IMAGE_WATCHED;
	mark->digest = *digest;
	mark->volumes = judgement->volumes;
	if (mark->volumes)
		mark->commands = 0;
	if (judgement->verdict == GATE_VERDICT_LOADER)
		return;
	mark->grants = 0;
	mark->commands = 0;
	mark->flags = 0;
	if (judgement->verdict == GATE_VERDICT_UNKNOWN && digest->size) {
		mark->generation = GATE_NO_GENERATION; /* judged when it asks */
		return;
	}
	mark->state = GATE_IMAGE_UNPROVEN;
	if (judgement->verdict == GATE_VERDICT_LIBRARY)
		mark->reason = GATE_REASON_NOT_A_LOADER;
}

/* True the first time; the first reason stays, until exec. Whoever comes second does not wait for the first. */
static __always_inline bool set_taint(struct gate_mark *mark, __u32 reason)
{
	bool first = __sync_val_compare_and_swap(&mark->taint, 0, reason) == 0;

	WRITE_ONCE(mark->commands, 0);
	return first;
}

/*
 * A new judgement of a running process. One that is older than the gate becomes watched here, so that any later
 * judgement finds the digest of this one, or unproven for good.
 */
static __always_inline void set_judgement(struct gate_task *state, const struct gate_judgement *judgement,
					  const struct gate_digest *digest)
{
	struct gate_mark *mark = &state->mark;

	bpf_spin_lock(&state->lock);
	WRITE_ONCE(mark->generation, GATE_NO_GENERATION);
	barrier();
	if (mark->state == GATE_IMAGE_INHERITED && judgement->verdict != GATE_VERDICT_UNKNOWN) {
		mark->state = digest->size ? GATE_IMAGE_WATCHED : GATE_IMAGE_UNPROVEN;
		mark->digest = *digest;
	}
	mark->verdict = judgement->verdict;
	mark->reason = judgement->reason;
	mark->grants = judgement->grants;
	if (judgement->verdict != GATE_VERDICT_UNKNOWN)
		mark->flags = judgement->flags;
	if (!mark->volumes)
		mark->volumes = judgement->volumes;
	WRITE_ONCE(mark->commands, mark->volumes ? 0 : judgement->commands);
	/*
	 * set_taint() sets the taint and then clears the commands; here they are set and then the taint is looked at.
	 * Both have a full barrier between, so in whatever order they meet, the commands of a tainted mark end as none.
	 */
	if (__sync_val_compare_and_swap(&mark->taint, 0, 0))
		WRITE_ONCE(mark->commands, 0);
	/* Let have by an earlier policy, and no longer. The other half of the order is in tolerates_anonymous_code().
	 */
	if (judgement->verdict != GATE_VERDICT_UNKNOWN && READ_ONCE(mark->anonymous_code) &&
	    !(judgement->flags & GATE_GRANT_JIT))
		set_taint(mark, GATE_REASON_TAINT_ANONYMOUS);
	barrier();
	WRITE_ONCE(mark->generation, judgement->generation);
	bpf_spin_unlock(&state->lock);
}

/*
 * Reported the first time only. The ptrace hooks run with the alloc_lock of the debugged task (ptrace_attach() in
 * kernel/ptrace.c) or the tasklist_lock held.
 */
static __always_inline void taint(struct task_struct *task, struct gate_task *state, __u32 reason)
{
	struct gate_facts facts = {
		.without_path = reason == GATE_REASON_TAINT_TRACED,
		.kind = GATE_EVENT_TAINTED,
		.reason = reason,
	};

	if (!set_taint(&state->mark, reason))
		return;
	count(tainted);
	/* Most processes that are older than the gate never call bpf(2); their taint is nobody's news. */
	if (state->mark.verdict != GATE_VERDICT_LOADER)
		return;
	facts.verdict = state->mark.verdict;
	facts.grant = first_of(state->mark.grants);
	facts.flags = event_flags(&state->mark);
	report(task, &facts);
}

/* A process that shares its memory with another, which it was cloned from, brings code into that one as well. */
static __always_inline void taint_owner(const struct gate_mark *mark, __u32 reason)
{
	struct task_struct *owner;
	struct gate_task *state;

	if (!mark->owner_tgid || !bpf_ksym_exists(bpf_task_from_pid))
		return;
	owner = bpf_task_from_pid(mark->owner_tgid);
	if (!owner)
		return;
	state = bpf_task_storage_get(&tasks, owner, 0, 0);
	if (state && state->mark.image == mark->owner_image)
		taint(owner, state, reason);
	bpf_task_release(owner);
}

static __always_inline void taint_current(struct gate_task *process, __u32 reason)
{
	taint_owner(&process->mark, reason);
	taint(bpf_get_current_task_btf(), process, reason);
}

/* A volume proves what the process maps. The earliest counts: nothing may have been replaced since. */
static __always_inline void depend_on_volumes(struct gate_task *process, __u64 volumes)
{
	bpf_spin_lock(&process->lock);
	if (!process->mark.volumes)
		WRITE_ONCE(process->mark.volumes, volumes);
	WRITE_ONCE(process->mark.commands, 0);
	bpf_spin_unlock(&process->lock);
}

/* What a new process takes over from the one that made it: see gate_fork in gate.bpf.c. */
static __always_inline void inherit(struct gate_mark *child, struct gate_task *parent, __u32 parent_tgid,
				    bool shares_memory)
{
	__u32 owner_tgid = parent->mark.owner_tgid;
	__u64 owner_image = parent->mark.owner_image;

	bpf_spin_lock(&parent->lock);
	*child = parent->mark;
	bpf_spin_unlock(&parent->lock);
	if (child->taint)
		child->commands = 0; /* set_taint() takes no lock, and may have been half-way */
	child->owner_tgid = 0;
	child->audited = 0;
	child->reached = 0;
	if (!shares_memory)
		return;
	child->owner_tgid = owner_tgid ? owner_tgid : parent_tgid;
	child->owner_image = owner_tgid ? owner_image : child->image;
	child->state = GATE_IMAGE_UNPROVEN;
	child->reason = GATE_REASON_SHARED_MEMORY;
	child->grants = 0;
	child->commands = 0;
	child->flags = 0;
	child->generation = GATE_NO_GENERATION;
}

#endif
