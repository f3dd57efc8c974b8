/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Whether a grant allows a call of bpf(2): the command, what it is about, who calls, and what a program that is loaded
 * would call in the kernel. One grant must allow all of it. src/manifest/decide.cc is the twin in user space.
 */
#ifndef BPFGATE_GRANT_BPF_H
#define BPFGATE_GRANT_BPF_H

#include "signed.bpf.h"

/* The few fields that are needed: with the whole of these types the object's own would double. */
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
struct cgroup___gate {
	int level;
	struct kernfs_node___gate *kn;
	struct cgroup___gate *ancestors[];
};

struct kernfs_node___gate {
	const char *name;
};

struct css_set___gate {
	struct cgroup___gate *dfl_cgrp;
};

struct ns_common___gate {
	unsigned int inum;
};

struct net___gate {
	struct ns_common___gate ns;
};

struct nsproxy___gate {
	struct net___gate *net_ns;
};

struct user_namespace___gate {
	int level;
};
#pragma clang attribute pop

/* Set before load: inode number of the host's network namespace. 0 is none. */
const volatile __u32 initial_network = 0;

#define GATE_FIRST_MULTI_FENTRY 59 /* BPF_TRACE_FENTRY_MULTI, which older headers lack */

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, GATE_BANKS *GATE_MAX_GRANTS *GATE_MAX_CGROUPS);
	__type(key, __u32);
	__type(value, struct gate_cgroup);
} cgroups SEC(".maps");

#define GATE_UNKNOWN_TYPE 64 /* a number that no set has but the one of all */

/* One search among grants. */
struct gate_request {
	struct gate_call call;
	__u64 grants;
	__u64 generation;
	__u32 answer; /* why not, of the grant that came closest */
	__u32 grant;  /* which one */
	__u32 granted;
};

static __always_inline bool is_in_set(__u64 set, __u32 number)
{
	return set == ~0ULL || (number < 64 && set >> number & 1);
}

static __always_inline bool is_user(const struct gate_grant *granted, struct task_struct *task)
{
	const struct cred *cred = BPF_CORE_READ(task, cred);
	__u32 uid, i;

	/* What cannot be read is nobody's. */
	if (bpf_core_read(&uid, sizeof(uid), &cred->euid.val))
		return false;
	for (i = 0; i < GATE_MAX_IDS; i++) {
		if (i < granted->uid_count && granted->uids[i] == uid)
			return true;
	}
	return granted->uid_count == 0;
}

struct gate_membership {
	const struct gate_grant *granted;
	struct group_info *groups;
	__u32 found;
};

static __always_inline bool has_group(const struct gate_grant *granted, __u32 gid)
{
	__u32 i;

	for (i = 0; i < GATE_MAX_IDS; i++) {
		if (i < granted->gid_count && granted->gids[i] == gid)
			return true;
	}
	return false;
}

static long try_group(__u64 index, struct gate_membership *membership)
{
	struct group_info *groups = membership->groups;
	kgid_t gid;

	if (bpf_probe_read_kernel(&gid, sizeof(gid), &groups->gid[index]))
		return 1;
	membership->found = has_group(membership->granted, gid.val);
	return membership->found & 1;
}

static __always_inline bool is_member(const struct gate_grant *granted, struct task_struct *task)
{
	struct gate_membership membership = {.granted = granted};
	const struct cred *cred;
	struct group_info *groups;
	__u32 gid;

	if (granted->gid_count == 0)
		return true;
	cred = BPF_CORE_READ(task, cred);
	if (bpf_core_read(&gid, sizeof(gid), &cred->egid.val))
		return false;
	if (has_group(granted, gid))
		return true;
	groups = BPF_CORE_READ(cred, group_info);
	membership.groups = groups;
	bpf_loop(BPF_CORE_READ(groups, ngroups), try_group, &membership, 0);
	return membership.found;
}

/* Level `level` of the path of the process's cgroup is called so. A name that is too long for the buffer equals none in
 * a policy.
 */
static __always_inline bool has_level(struct cgroup___gate *group, __u32 level, const char *wanted)
{
	const __u64 *left, *right = (const __u64 *)wanted;
	__u64 name[GATE_NAME_SIZE / 8] = {}, difference = 0;
	struct cgroup___gate *ancestor = NULL;
	const char *text;
	__u32 i;

	bpf_probe_read_kernel(&ancestor, sizeof(ancestor),
			      (void *)group + bpf_core_field_offset(struct cgroup___gate, ancestors) + 8 * level);
	text = BPF_CORE_READ(ancestor, kn, name);
	if (bpf_probe_read_kernel_str(name, sizeof(name), text) < 0)
		return false;
	left = name;
	for (i = 0; i < GATE_NAME_SIZE / 8; i++)
		difference |= left[i] ^ right[i];
	return difference == 0;
}

struct gate_place {
	struct cgroup___gate *group;
	__u32 first; /* of the grant's cgroups */
	bool found;
};

static long try_cgroup(__u64 index, struct gate_place *place)
{
	__u32 key = place->first + index;
	struct gate_cgroup *wanted = bpf_map_lookup_elem(&cgroups, &key);
	struct cgroup___gate *group = place->group;
	__u32 level;

	if (!wanted || wanted->levels == 0 || wanted->levels > GATE_CGROUP_LEVELS ||
	    BPF_CORE_READ(group, level) < (int)wanted->levels)
		return 0;
	for (level = 0; level < GATE_CGROUP_LEVELS; level++) {
		if (level < wanted->levels && !has_level(group, level + 1, wanted->names[level]))
			return 0;
	}
	place->found = true;
	return 1;
}

static __always_inline bool is_inside(const struct gate_grant *granted, __u64 generation, __u32 grant,
				      struct task_struct *task)
{
	struct gate_place place = {.first = (bank_of(generation) * GATE_MAX_GRANTS + grant) * GATE_MAX_CGROUPS};
	struct css_set___gate *set;

	if (granted->cgroup_count == 0)
		return true;
	if (granted->cgroup_count > GATE_MAX_CGROUPS)
		return false;
	set = (void *)BPF_CORE_READ(task, cgroups);
	place.group = BPF_CORE_READ(set, dfl_cgrp);
	bpf_loop(granted->cgroup_count, try_cgroup, &place, 0);
	return place.found;
}

static __always_inline bool is_in_initial_network(struct task_struct *task)
{
	struct nsproxy___gate *namespaces = (void *)BPF_CORE_READ(task, nsproxy);

	return initial_network && BPF_CORE_READ(namespaces, net_ns, ns.inum) == initial_network;
}

static __always_inline bool is_among_initial_users(struct task_struct *task)
{
	struct user_namespace___gate *users = (void *)BPF_CORE_READ(task, cred, user_ns);
	int level;

	return bpf_core_read(&level, sizeof(level), &users->level) == 0 && level == 0;
}

/* Asked at each call: a process may change its user, and be moved. Global, so that it is verified once, not wherever it
 * is called; likewise below.
 */
__noinline int meets_condition(__u64 generation, __u32 grant)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct gate_grant *granted = grant_of(generation, grant);

	if (!granted)
		return false;
	if (granted->flags & GATE_GRANT_INITIAL_NETWORK && !is_in_initial_network(task))
		return false;
	if (granted->flags & GATE_GRANT_INITIAL_USERS && !is_among_initial_users(task))
		return false;
	return is_user(granted, task) && is_member(granted, task) && is_inside(granted, generation, grant, task);
}

/* Of a multi link only the process's memory says to what; see MANIFEST.md. */
static __always_inline bool allows_target(__u64 generation, __u32 grant, const struct gate_call *call)
{
	if (call->command == BPF_LINK_CREATE)
		return call->attach_type < GATE_FIRST_MULTI_FENTRY || call->attach_type == GATE_NO_ATTACH_TYPE;
	if (call->command != BPF_PROG_LOAD)
		return true;
	return call->target && has_function(generation, grant, GATE_TARGET, call->target);
}

/* Of the program that the current thread is loading: decide_program() has looked at it. An enum gate_reason. */
__noinline int ask_about_code(__u64 generation, __u32 grant)
{
	struct gate_task *thread = current_thread();
	const struct gate_grant *granted = grant_of(generation, grant);
	struct gate_usage *usage;
	__u32 i;

	if (!thread || !granted)
		return GATE_REASON_HELPER_NOT_GRANTED;
	usage = &thread->workspace.usage;
	if (usage->unreadable || usage->later_helpers)
		return GATE_REASON_HELPER_NOT_GRANTED;
	for (i = 0; i < GATE_MAX_HELPERS / 64; i++) {
		__u64 denied = usage->helpers[i] & ~granted->helpers[i];

		if (denied) {
			usage->denied = i * 64 + first_of(denied);
			return GATE_REASON_HELPER_NOT_GRANTED;
		}
	}
	/* Which of a module's functions is called the instructions do not say for certain. */
	if (usage->module_kfuncs)
		return GATE_REASON_KFUNC_NOT_GRANTED;
	if (usage->kfunc_count && !allows_kfuncs(generation, grant, granted->flags & GATE_GRANT_ONLY_KFUNCS, usage))
		return GATE_REASON_KFUNC_NOT_GRANTED;
	return GATE_REASON_UNSET;
}

/* note_signers() has found out who vouches for the call. */
__noinline int is_vouched_for(__u64 generation, __u32 grant)
{
	struct gate_task *thread = current_thread();
	const struct gate_grant *granted = grant_of(generation, grant);

	return thread && granted && thread->workspace.vouching.call & granted->program_signers;
}

/* A loader that is verified may have the kernel do whatever loaders do: what that is, its signer has answered for. */
static __always_inline __u32 ask_for_loader(__u64 generation, __u32 grant)
{
	if (!meets_condition(generation, grant))
		return GATE_REASON_CONDITION_NOT_MET;
	return is_vouched_for(generation, grant) ? GATE_REASON_UNSET : GATE_REASON_PROGRAM_NOT_SIGNED;
}

/* GATE_REASON_UNSET: it allows the call. */
static __always_inline __u32 ask(const struct gate_grant *granted, __u32 grant, struct gate_request *request)
{
	const struct gate_call *call = &request->call;
	__u32 answer = GATE_REASON_UNSET;

	if (call->by_kernel && granted->flags & GATE_GRANT_SIGNED)
		return ask_for_loader(request->generation, grant);
	if (call->command >= 64 || !(granted->commands >> call->command & 1))
		return GATE_REASON_COMMAND_NOT_GRANTED;
	if (call->program_type != GATE_NO_PROGRAM_TYPE && !is_in_set(granted->program_types, call->program_type))
		return GATE_REASON_PROGRAM_TYPE_NOT_GRANTED;
	if (call->map_type != GATE_NO_MAP_TYPE && !is_in_set(granted->map_types, call->map_type))
		return GATE_REASON_MAP_TYPE_NOT_GRANTED;
	if (call->attach_type != GATE_NO_ATTACH_TYPE && !is_in_set(granted->attach_types, call->attach_type))
		return GATE_REASON_ATTACH_TYPE_NOT_GRANTED;
	/* Attached by whatever type is named: the kernel does not look at it. */
	if (call->program_type == BPF_PROG_TYPE_EXT && granted->attach_types != ~0ULL)
		return GATE_REASON_ATTACH_TYPE_NOT_GRANTED;
	if (granted->flags & GATE_GRANT_TARGETS && !allows_target(request->generation, grant, call))
		return GATE_REASON_TARGET_NOT_GRANTED;
	if (!meets_condition(request->generation, grant))
		return GATE_REASON_CONDITION_NOT_MET;
	if (call->looks_at_code && granted->flags & GATE_GRANT_HELPERS)
		answer = ask_about_code(request->generation, grant);
	if (answer == GATE_REASON_UNSET && granted->flags & GATE_GRANT_SIGNED &&
	    !is_vouched_for(request->generation, grant))
		answer = GATE_REASON_PROGRAM_NOT_SIGNED;
	return answer;
}

static long ask_next(__u64 index, struct gate_request *request)
{
	struct gate_grant *granted;
	__u32 answer;

	if (!(request->grants >> (index & 63) & 1))
		return 0;
	granted = grant_of(request->generation, index);
	if (!granted)
		return 0;
	answer = ask(granted, index, request);
	if (answer != GATE_REASON_UNSET && answer <= request->answer)
		return 0;
	request->answer = answer;
	request->grant = index;
	request->granted = answer == GATE_REASON_UNSET;
	return request->granted & 1;
}

/* Sets `granted`, or why not. */
__noinline int ask_grants(struct gate_request *request, __u64 mask)
{
	struct gate_request search; /* a loop's context must be on the stack of the function that it is in */

	if (!request)
		return -EINVAL;
	search = *request;
	search.granted = 0;
	search.answer = GATE_REASON_UNSET;
	search.grants = mask;
	bpf_loop(GATE_MAX_GRANTS, ask_next, &search, 0);
	*request = search;
	return 0;
}

#endif
