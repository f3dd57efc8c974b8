// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The marks of all processes, for whoever reads the iterator that is made from this program's link. It decides nothing.
 */
#include "mark.bpf.h"

SEC("iter/task")
int gate_marks(struct bpf_iter__task *context)
{
	struct task_struct *task = context->task;
	struct gate_mark_record record = {};
	struct gate_task *state;

	if (!task || task->pid != task->tgid)
		return 0;
	state = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!state)
		return 0;
	record.generation = state->mark.generation;
	record.grants = state->mark.grants;
	record.image = state->mark.image;
	record.tgid = task->tgid;
	record.state = state->mark.state;
	record.verdict = state->mark.verdict;
	record.reason = state->mark.reason;
	record.taint = state->mark.taint;
	record.flags = state->mark.flags;
	bpf_seq_write(context->meta->seq, &record, sizeof(record));
	return 0;
}
