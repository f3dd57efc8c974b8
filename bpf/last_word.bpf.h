/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The last word: an administrator's own program, which is asked about calls that the policy allows (gate_extension.h).
 * The kernel puts it in the place of gate_last_word() (BPF_PROG_TYPE_EXT), so that there is no number to look it up by,
 * and nothing to write where another could be put.
 */
#ifndef BPFGATE_LAST_WORD_BPF_H
#define BPFGATE_LAST_WORD_BPF_H

#include "gate_extension.h"
#include "grant.bpf.h"

/* What stands here is in force only where the extension has gone, and that must not allow. */
__noinline int gate_last_word(const struct gate_question_1 *question)
{
	int answer = 1;

	/* Or else the compiler makes the callers know the answer. */
	asm volatile("" : "+r"(answer) : "r"(question));
	return answer;
}

/*
 * Never true. Linux 6.12 takes functions out of a program that nobody calls, but not the notes it keeps of each
 * (adjust_subprog_starts_after_remove() in kernel/bpf/verifier.c): from there on it takes one function's for
 * another's, and finds that what is to be replaced is static. So that none of them comes before it, gate_last_word() is
 * what seems to be called first.
 */
const volatile bool comes_first = false;

static __always_inline void put_last_word_first(void)
{
	if (__builtin_expect(comes_first, 1))
		gate_last_word(NULL);
}

/* What proved a file proves nothing of a process that has lost its mark, or never got one. */
static __always_inline void tell_of_mark(struct gate_question_1 *question, const struct gate_mark *mark)
{
	__u32 taint = mark->taint;

	question->verdict = mark->verdict;
	question->reason = taint ? taint : mark->reason;
	if (question->verdict == GATE_VERDICT_LOADER && (taint || mark->state != GATE_IMAGE_WATCHED))
		question->verdict = GATE_VERDICT_NO_EVIDENCE;
}

_Static_assert(GATE_NO_PROGRAM_TYPE == GATE_QUESTION_NONE && GATE_NO_MAP_TYPE == GATE_QUESTION_NONE &&
		       GATE_NO_ATTACH_TYPE == GATE_QUESTION_NONE && GATE_UNKNOWN_TYPE == GATE_QUESTION_UNKNOWN,
	       "what extensions are told of types is what the gate knows of them");

static __always_inline void fill_question(struct gate_question_1 *question, const struct gate_task *process,
					  const struct gate_request *request)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct gate_grant *granted = grant_of(request->generation, request->grant);

	question->command = request->call.command;
	question->program_type = request->call.program_type;
	question->map_type = request->call.map_type;
	question->attach_type = request->call.attach_type;
	question->target = request->call.target;
	question->by_kernel = request->call.by_kernel;
	question->pid = task->pid;
	question->tgid = task->tgid;
	question->uid = BPF_CORE_READ(task, cred, euid.val);
	question->gid = BPF_CORE_READ(task, cred, egid.val);
	if (process)
		tell_of_mark(question, &process->mark);
	question->generation = request->generation;
	if (granted)
		__builtin_memcpy(question->grant, granted->name, sizeof(question->grant));
}

/*
 * Administrators are not asked about: an extension that refuses everything could not be taken away again. It does not
 * sleep, and what it finds in maps is there as long as it runs; the gate's own programs sleep, and warrant no such
 * thing.
 */
static __noinline int has_objection(const struct gate_task *process, const struct gate_request *request)
{
	struct gate_question_1 question = {};
	int answer;

	if (is_administrator())
		return 0;
	fill_question(&question, process, request);
	bpf_rcu_read_lock();
	answer = gate_last_word(&question);
	bpf_rcu_read_unlock();
	return answer != 0;
}

#endif
