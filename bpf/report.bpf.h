/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/* Events: what was refused, would have been refused, or cost a process its mark. */
#ifndef BPFGATE_REPORT_BPF_H
#define BPFGATE_REPORT_BPF_H

#include "usage.bpf.h"

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20); /* about 900 events */
} events SEC(".maps");

/* One call of bpf(2), as far as grants tell calls apart. */
struct gate_call {
	__u32 command;
	__u32 program_type; /* or GATE_NO_PROGRAM_TYPE */
	__u32 map_type; /* or GATE_NO_MAP_TYPE */
	__u32 attach_type;  /* or GATE_NO_ATTACH_TYPE */
	__u32 target;     /* BTF id in the kernel, or 0 */
	bool looks_at_code; /* the program is at hand, and what it calls is known */
	bool by_kernel; /* made by the kernel, for a program that runs */
	__u64 attr;	    /* address of its arguments */
	__u64 program;     /* address of the program that is loaded, where it is at hand */
};

struct gate_facts {
	__u32 kind; /* enum gate_event_kind */
	__u32 verdict;
	__u32 reason;
	__u32 grant; /* the one that came closest */
	__u32 flags;
	const struct gate_call *call; /* or NULL */
	const struct gate_usage *usage; /* of a program that is loaded, or NULL */
	bool without_path; /* the hook runs under a lock that finding the path would take */
};

static __always_inline void report_path(struct gate_event *event, struct task_struct *task)
{
	struct file *file;

	if (!bpf_ksym_exists(bpf_get_task_exe_file) || !bpf_ksym_exists(bpf_path_d_path))
		return;
	file = bpf_get_task_exe_file(task);
	if (!file)
		return;
	if (bpf_path_d_path(&file->f_path, event->path, sizeof(event->path)) < 0)
		event->path[0] = 0;
	bpf_put_file(file);
}

static __always_inline void fill_call(struct gate_event *event, const struct gate_call *call)
{
	event->command = call ? call->command : GATE_NO_COMMAND;
	event->program_type = call ? call->program_type : GATE_NO_PROGRAM_TYPE;
	event->map_type = call ? call->map_type : GATE_NO_MAP_TYPE;
	event->attach_type = call ? call->attach_type : GATE_NO_ATTACH_TYPE;
	event->target = call ? call->target : 0;
}

static __always_inline void fill_usage(struct gate_event *event, const struct gate_usage *usage)
{
	if (usage) {
		__builtin_memcpy(event->helpers, usage->helpers, sizeof(event->helpers));
		__builtin_memcpy(event->kfuncs, usage->kfuncs, sizeof(event->kfuncs));
		event->kfunc_count = usage->kfunc_count;
		event->denied = usage->denied;
		return;
	}
	__builtin_memset(event->helpers, 0, sizeof(event->helpers));
	__builtin_memset(event->kfuncs, 0, sizeof(event->kfuncs));
	event->kfunc_count = 0;
	event->denied = 0;
}

static __always_inline void fill_event(struct gate_event *event, struct task_struct *task,
				       const struct gate_facts *facts)
{
	struct gate_grant *granted;

	event->time = bpf_ktime_get_boot_ns();
	event->generation = READ_ONCE(active_generation);
	event->kind = facts->kind;
	event->verdict = facts->verdict;
	event->reason = facts->reason;
	event->flags = facts->flags;
	event->pid = task->pid;
	event->tgid = task->tgid;
	event->uid = BPF_CORE_READ(task, cred, uid.val);
	__builtin_memset(event->comm, 0, sizeof(event->comm));
	bpf_probe_read_kernel_str(event->comm, sizeof(event->comm), task->comm);
	granted = grant_of(event->generation, facts->grant);
	if (granted)
		__builtin_memcpy(event->rule, granted->name, sizeof(event->rule));
	else
		__builtin_memset(event->rule, 0, sizeof(event->rule));
	event->path[0] = 0;
	fill_call(event, facts->call);
	fill_usage(event, facts->usage);
}

static __always_inline struct gate_event *new_event(void)
{
	struct gate_event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event)
		count(lost_events);
	return event;
}

/* What cannot be reported is counted; nothing waits for a reader, and no decision depends on the outcome. */
static __noinline int report(struct task_struct *task, const struct gate_facts *facts)
{
	struct gate_event *event = new_event();

	if (!event)
		return 0;
	fill_event(event, task, facts);
	/* get_task_exe_file() takes the alloc_lock: with one held, the machine would stop there. */
	if (!facts->without_path)
		report_path(event, task);
	bpf_ringbuf_submit(event, 0);
	return 0;
}

/* For programs of other types, which must not call the functions of LSM programs. */
static __always_inline void report_without_path(struct task_struct *task, const struct gate_facts *facts)
{
	struct gate_event *event = new_event();

	if (!event)
		return;
	fill_event(event, task, facts);
	bpf_ringbuf_submit(event, 0);
}

#endif
