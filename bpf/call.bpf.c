// SPDX-License-Identifier: MIT OR GPL-2.0-only
/*
 * bpf(2): who may call it, and to do what.
 *
 *   bpf            decides on the command and what it is about
 *   bpf_prog_load  decides on programs once more, with their instructions at hand
 */
#include "evidence.bpf.h"
#include "grant.bpf.h"
#include "guarded.bpf.h"
#include "last_word.bpf.h"

/*
 * Judges a running process by its executable: one older than the gate, for which there is nothing better, and one that
 * could not be judged at exec or was judged under another policy, whose executable must still be the file it was
 * started from.
 */
__noinline int judge_running(void)
{
	struct gate_judgement found = {}, *judgement = &found;
	struct gate_task *process = current_process(0), *thread = current_thread();
	struct file *file;

	if (!process || !thread || !bpf_ksym_exists(bpf_get_task_exe_file))
		return 0;
	file = bpf_get_task_exe_file(bpf_get_current_task_btf());
	if (!file)
		return 0;
	judge(file, judgement);
	bpf_put_file(file);
	if (judgement->verdict == GATE_VERDICT_LIBRARY)
		conclude(judgement, GATE_VERDICT_LIBRARY, GATE_REASON_NOT_A_LOADER);
	if (process->mark.state != GATE_IMAGE_INHERITED &&
	    !same_digest(&process->mark.digest, &thread->workspace.message.digest)) {
		conclude(judgement, GATE_VERDICT_NO_EVIDENCE, GATE_REASON_EXE_CHANGED);
		judgement->grants = 0;
		judgement->commands = 0;
		judgement->flags = 0;
		judgement->volumes = 0;
	}
	if (judgement->verdict == GATE_VERDICT_UNKNOWN)
		judgement->generation = GATE_NO_GENERATION; /* the next call asks again */
	set_judgement(process, judgement, &thread->workspace.message.digest);
	return 0;
}

static __always_inline bool needs_judging(const struct gate_mark *mark)
{
	return mark->state != GATE_IMAGE_UNPROVEN && !mark->taint && mark->generation != READ_ONCE(active_generation);
}

/* The grants of a proven process under the policy of `generation`; none where there is any doubt. */
static __always_inline __u64 grants_of(const struct gate_mark *mark, __u64 generation)
{
	__u64 mask;

	if (READ_ONCE(mark->generation) != generation)
		return 0;
	barrier();
	mask = READ_ONCE(mark->grants);
	barrier();
	if (READ_ONCE(mark->generation) != generation || mark->state != GATE_IMAGE_WATCHED || READ_ONCE(mark->taint))
		return 0;
	return mask;
}

/*
 * Asks the grants of the process, then those that everybody has. The process's own answer is the one to report. A
 * policy that is replaced meanwhile may have given its bank to another: what was read of it does not count then.
 */
static __always_inline int decide(struct gate_task *process, struct gate_request *request)
{
	struct gate_policy *policy;
	__u32 answer, grant;

	request->generation = READ_ONCE(active_generation);
	note_signers(&request->call, request->generation);
	ask_grants(request, process ? grants_of(&process->mark, request->generation) : 0);
	if (!request->granted) {
		answer = request->answer;
		grant = request->grant;
		policy = policy_of(request->generation);
		ask_grants(request, policy ? policy->default_grants : 0);
		if (answer && !request->granted) {
			request->answer = answer;
			request->grant = grant;
		}
	}
	if (READ_ONCE(active_generation) != request->generation)
		return -EAGAIN;
	return request->granted ? 0 : -EPERM;
}

/* Why a process has no grant is more telling than that everybody's does not do; but not where it nearly does. */
static __always_inline __u32 why_refused(const struct gate_mark *mark, __u32 answer)
{
	if (answer == GATE_REASON_EXTENSION_REFUSED)
		return answer;
	if (mark->taint)
		return mark->taint;
	if (answer > GATE_REASON_COMMAND_NOT_GRANTED)
		return answer;
	if (mark->verdict == GATE_VERDICT_LOADER && mark->state != GATE_IMAGE_UNPROVEN)
		return GATE_REASON_COMMAND_NOT_GRANTED;
	return mark->reason;
}

/* Each call may be about something else, and that is what a policy is made of. */
static __always_inline bool has_details(__u32 command)
{
	return command == BPF_PROG_LOAD || command == BPF_MAP_CREATE || command == BPF_LINK_CREATE ||
	       command == BPF_PROG_ATTACH || command == BPF_RAW_TRACEPOINT_OPEN;
}

/* A listing makes hundreds of calls, and an operator learns from the first of each kind. */
static __always_inline bool is_first_of_command(struct gate_mark *mark, __u32 command)
{
	__u64 bit = command < 64 && !has_details(command) ? 1ULL << command : 0;

	return !bit || !(__sync_fetch_and_or(&mark->audited, bit) & bit);
}

static __noinline int refuse(struct gate_task *process, struct gate_request *request, const struct gate_usage *usage)
{
	struct gate_policy *policy = policy_of(READ_ONCE(active_generation));
	const struct gate_call *call = &request->call;
	struct gate_facts facts = {
		.kind = GATE_EVENT_REFUSED,
		.verdict = GATE_VERDICT_UNKNOWN,
		.reason = request->answer == GATE_REASON_EXTENSION_REFUSED ? request->answer : GATE_REASON_FAULT,
		.grant = request->grant,
		.call = call,
		.usage = usage,
	};

	if (process) {
		facts.verdict = process->mark.verdict;
		facts.reason = why_refused(&process->mark, request->answer);
		facts.flags = event_flags(&process->mark);
	}
	if (only_audits(policy)) {
		/* A program is reported when what it calls is known. */
		if (call->command == BPF_PROG_LOAD && !call->looks_at_code &&
		    request->answer != GATE_REASON_EXTENSION_REFUSED)
			return 0;
		facts.kind = GATE_EVENT_WOULD_REFUSE;
		count(would_refuse);
		if (!process || is_first_of_command(&process->mark, call->command))
			report(bpf_get_current_task_btf(), &facts);
		return 0;
	}
	count(refused);
	report(bpf_get_current_task_btf(), &facts);
	return -EPERM;
}

/* What the caller says must not be taken for "none". */
static __always_inline __u32 known(__u32 type)
{
	return type < GATE_UNKNOWN_TYPE ? type : GATE_UNKNOWN_TYPE;
}

/*
 * 0 is an attach type (cgroup_inet_ingress) as well as what programs have that are bound to none. For two types the
 * kernel puts another in its place (bpf_prog_load_fixup_attach_type()), before one of the hooks and after the other; of
 * struct_ops it is no attach type at all.
 */
static __always_inline __u32 attach_type_of_load(const union bpf_attr *attr)
{
	if (attr->prog_type == BPF_PROG_TYPE_STRUCT_OPS)
		return GATE_NO_ATTACH_TYPE;
	if (attr->expected_attach_type != 0 || attr->prog_type == BPF_PROG_TYPE_CGROUP_SKB)
		return known(attr->expected_attach_type);
	if (attr->prog_type == BPF_PROG_TYPE_CGROUP_SOCK)
		return BPF_CGROUP_INET_SOCK_CREATE;
	if (attr->prog_type == BPF_PROG_TYPE_SK_REUSEPORT)
		return BPF_SK_REUSEPORT_SELECT;
	return GATE_NO_ATTACH_TYPE;
}

/* Ids are those of the kernel's own types only where neither a program nor a module is the target. */
static __always_inline __u32 target_of_load(const union bpf_attr *attr)
{
	return attr->attach_prog_fd ? 0 : attr->attach_btf_id;
}

static __always_inline void read_call(struct gate_call *call, __u32 command, const union bpf_attr *attr, bool by_kernel)
{
	call->command = command;
	call->by_kernel = by_kernel;
	call->attr = (__u64)attr;
	call->program_type = GATE_NO_PROGRAM_TYPE;
	call->map_type = GATE_NO_MAP_TYPE;
	call->attach_type = GATE_NO_ATTACH_TYPE;
	call->target = 0;
	switch (command) {
	case BPF_MAP_CREATE:
		call->map_type = known(attr->map_type);
		break;
	case BPF_PROG_LOAD:
		call->program_type = known(attr->prog_type);
		call->attach_type = attach_type_of_load(attr);
		call->target = target_of_load(attr);
		break;
	case BPF_LINK_CREATE:
		call->attach_type = known(attr->link_create.attach_type);
		break;
	case BPF_PROG_ATTACH:
		call->attach_type = known(attr->attach_type);
		break;
	case BPF_RAW_TRACEPOINT_OPEN:
		/* Without a name it attaches a program to what that was loaded for. */
		if (attr->raw_tracepoint.name)
			call->attach_type = BPF_TRACE_RAW_TP;
		break;
	}
}

/* As decide(), of what the grants allow. The question, too, was made of a policy that may be gone. */
static __always_inline int ask_for_last_word(const struct gate_task *process, struct gate_request *request)
{
	int objection = has_objection(process, request);

	if (READ_ONCE(active_generation) != request->generation)
		return -EAGAIN;
	if (!objection)
		return 0;
	request->answer = GATE_REASON_EXTENSION_REFUSED;
	return -EPERM;
}

/* -EAGAIN: the policy was replaced. */
static __noinline int decide_call(struct gate_task *process, __u32 command, const union bpf_attr *attr, bool by_kernel,
				  bool is_last)
{
	struct gate_request request = {};
	int answer;

	read_call(&request.call, command, attr, by_kernel);
	answer = decide(process, &request);
	if (answer == 0 && has_extension)
		answer = ask_for_last_word(process, &request);
	if (answer == 0)
		return 0;
	if (answer == -EAGAIN && !is_last)
		return -EAGAIN;
	return refuse(process, &request, NULL);
}

/* Descriptors of links pass no other hook. */
static __always_inline int decide_on_link(__u32 id)
{
	if (is_guarded(GATE_OBJECT_LINK, 0, id) && guard(GATE_REASON_GUARDED_LINK))
		return -ENOENT;
	return 0;
}

/* Everything but the fast path: other threads than the leader, judging what has not been judged under this policy,
 * grants that ask for more than the command, the default grant, and saying no.
 */
static __noinline int decide_slowly(__u32 command, union bpf_attr *attr, bool by_kernel)
{
	struct gate_task *process = current_process(BPF_LOCAL_STORAGE_GET_F_CREATE);
	int answer, attempt;

	put_last_word_first();
	if (process && has_lost_volume(&process->mark))
		taint_current(process, GATE_REASON_TAINT_VOLUME);
	if (command == BPF_PROG_TEST_RUN)
		note_run(attr->test.prog_fd);
	for (attempt = 0; attempt < 2; attempt++) {
		if (process && needs_judging(&process->mark))
			judge_running();
		if (process && mark_allows(&process->mark, command))
			break;
		answer = decide_call(process, command, attr, by_kernel, attempt);
		if (answer == 0)
			break;
		if (answer != -EAGAIN)
			return -EPERM;
	}
	if (attempt == 2)
		return -EPERM;
	if (command == BPF_LINK_GET_FD_BY_ID)
		return decide_on_link(attr->link_id);
	return 0;
}

/*
 * The fast path: a leader whose mark is of this policy. The command is read from the context where it is needed, and
 * not kept across the call: each register that is costs every bpf(2) on the host two instructions.
 */
static __always_inline bool is_plainly_allowed(const unsigned long long *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct gate_task *process;
	__u32 command;

	if (task->group_leader != task)
		return false;
	process = bpf_task_storage_get(&tasks, task, 0, 0);
	if (!process)
		return false;
	command = READ_ONCE(ctx[0]);
	return command != BPF_LINK_GET_FD_BY_ID && command != BPF_PROG_TEST_RUN && mark_allows(&process->mark, command);
}

/* The verifier wants to see that it is an error number or 0, and the compiler must not undo that. */
static __always_inline int in_range(int answer)
{
	if (answer == 0)
		return 0;
	if (answer == -ENOENT)
		return -ENOENT;
	return -EPERM;
}

/* 6.15 and later say whether the kernel itself makes the call, on behalf of a program. Whoever runs that is asked. */
SEC("lsm.s/bpf")
int BPF_PROG(gate_bpf, int command, union bpf_attr *attr, unsigned int size, bool kernel, int ret)
{
	if (ret)
		return ret;
	if (is_plainly_allowed(ctx))
		return 0;
	return in_range(decide_slowly(READ_ONCE(ctx[0]), (union bpf_attr *)READ_ONCE(ctx[1]), READ_ONCE(ctx[3]) & 1));
}

SEC("lsm.s/bpf")
int BPF_PROG(gate_bpf_3, int command, union bpf_attr *attr, unsigned int size, int ret)
{
	if (ret)
		return ret;
	if (is_plainly_allowed(ctx))
		return 0;
	return in_range(decide_slowly(READ_ONCE(ctx[0]), (union bpf_attr *)READ_ONCE(ctx[1]), false));
}

/* -EAGAIN: as of decide_call(). */
static __noinline int decide_program(struct gate_task *process, __u64 program, const union bpf_attr *attr,
				     bool by_kernel, bool is_last)
{
	struct gate_task *thread = current_thread();
	struct gate_request request = {};
	int answer;

	read_call(&request.call, BPF_PROG_LOAD, attr, by_kernel);
	request.call.looks_at_code = true;
	request.call.program = program;
	if (!thread)
		return -ENOMEM;
	collect_usage(&thread->workspace.usage, program);
	answer = decide(process, &request);
	if (answer == 0)
		return 0;
	if (answer == -EAGAIN && !is_last)
		return -EAGAIN;
	return refuse(process, &request, &thread->workspace.usage);
}

/* The instructions have been copied, and the verifier has not begun (bpf_prog_load() in kernel/bpf/syscall.c). */
static __always_inline int decide_on_load(__u64 program, const union bpf_attr *attr, bool by_kernel, int ret)
{
	struct gate_task *process;
	int answer, attempt;

	if (ret)
		return ret;
	if (could_undo_the_gate(attr) && guard(GATE_REASON_GUARDED_HOOK))
		return -EPERM;
	forget_voucher(program);
	process = current_process(0);
	for (attempt = 0; attempt < 2; attempt++) {
		if (process && needs_judging(&process->mark))
			judge_running();
		if (process && mark_allows(&process->mark, BPF_PROG_LOAD))
			break;
		answer = decide_program(process, program, attr, by_kernel, attempt);
		if (answer == 0)
			break;
		if (answer != -EAGAIN)
			return -EPERM;
	}
	if (attempt == 2)
		return -EPERM;
	if (by_kernel)
		note_loaded(program);
	return 0;
}

SEC("lsm.s/bpf_prog_load")
int BPF_PROG(gate_load, struct bpf_prog *prog, union bpf_attr *attr, struct bpf_token *token, bool kernel, int ret)
{
	__u64 program = 0;

	bpf_get_func_arg(ctx, 0, &program);
	/* As in gate_bpf: of a bool only the lowest bits are the caller's to say. */
	return decide_on_load(program, attr, READ_ONCE(ctx[3]) & 1, ret);
}

/* Before 6.15. */
SEC("lsm.s/bpf_prog_load")
int BPF_PROG(gate_load_3, struct bpf_prog *prog, union bpf_attr *attr, struct bpf_token *token, int ret)
{
	__u64 program = 0;

	bpf_get_func_arg(ctx, 0, &program);
	return decide_on_load(program, attr, false, ret);
}
