/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Signed programs: who vouches for a call of bpf(2), for grants with GATE_GRANT_SIGNED. The kernel verifies the
 * signature of a program when it is loaded, and notes against which keyring (7.2); what the caller says of it counts
 * for nothing here. A light skeleton (bpftool gen skeleton -L -S) signs a program of type "syscall", the loader, which
 * makes the maps and loads the programs. So there are four links in the chain:
 *
 *   loading a program    vouched for by whose keyring verified it
 *   running it           by the same, as noted at the program that the descriptor stands for
 *   what the kernel is asked for by the program that runs
 *                        by the same, as noted when the thread ran it
 *   attaching a program  by the same, as noted when the loader had it loaded
 *
 * and what it takes before all that: an exclusive map, which only a program of one digest can use.
 */
#ifndef BPFGATE_SIGNED_BPF_H
#define BPFGATE_SIGNED_BPF_H

#include "evidence.bpf.h"

#define GATE_EVERY_SIGNER ~0ULL
#define ANON_INODE_FS_MAGIC 0x09041934 /* include/uapi/linux/magic.h */

enum bpf_sig_verdict___gate { BPF_SIG_VERIFIED___gate = 1 };
enum bpf_sig_keyring___gate { BPF_SIG_KEYRING_USER___gate = 4 };

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
/* 7.2 and later. */
struct bpf_prog_aux___signed {
	struct {
		__s32 keyring_serial;
		__u8 keyring_type;
		__u8 verdict;
	} sig;
};

/* 6.18 and later. */
struct bpf_map___exclusive {
	char *excl_prog_sha;
};

union bpf_attr___signed {
	struct {
		__u64 excl_prog_hash;
	};
	struct {
		__u64 signature;
	};
};

struct fdtable___gate {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct___gate {
	atomic_t count;
	struct fdtable___gate *fdt;
};
#pragma clang attribute pop

/*
 * Programs that a verified loader has loaded, by the address of their aux, which is theirs as long as they live. The
 * entry of one that is gone goes when the address is used again, for every program passes gate_load; the oldest may go
 * before, and then its program can no longer be attached.
 */
struct gate_voucher {
	__u64 generation;
	__u64 signers;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct gate_voucher);
} vouchers SEC(".maps");

/* By its name in the kernel's own file system of such files, where nobody else chooses names. */
static __always_inline bool is_bpf_object(struct file *file, bool program)
{
	static const char map_name[] = "bpf-map", program_name[] = "bpf-prog";
	char name[16] = {};

	if (BPF_CORE_READ(file, f_inode, i_sb, s_magic) != ANON_INODE_FS_MAGIC ||
	    bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name)) < 0)
		return false;
	if (program)
		return bpf_strncmp(name, sizeof(name), program_name) == 0;
	return bpf_strncmp(name, sizeof(name), map_name) == 0;
}

/*
 * Address of the map or program that a descriptor stands for; 0 where there is none. The kernel looks the descriptor up
 * once more, after the gate: so there is none, too, where another thread could put something else in its place.
 */
static __noinline __u64 object_of(__u32 descriptor, bool program)
{
	struct files_struct___gate *files = (void *)BPF_CORE_READ(bpf_get_current_task_btf(), files);
	struct file **slots, *file = NULL;

	if (!files || BPF_CORE_READ(files, count.counter) != 1 || descriptor >= BPF_CORE_READ(files, fdt, max_fds))
		return 0;
	slots = BPF_CORE_READ(files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), &slots[descriptor]) || !file || !is_bpf_object(file, program))
		return 0;
	return (__u64)BPF_CORE_READ(file, private_data);
}

static __always_inline __u64 aux_of(__u64 program)
{
	return (__u64)BPF_CORE_READ((struct bpf_prog *)program, aux);
}

struct gate_search {
	__u64 generation;
	__u64 found;
	__s32 keyring;
};

static long try_program_signer(__u64 index, struct gate_search *search)
{
	struct gate_signer *signer = signer_of(search->generation, index);

	if (signer && signer->role == GATE_ROLE_PROGRAM && signer->keyring == search->keyring)
		search->found |= 1ULL << (index & 63);
	return 0;
}

/* A serial number is used again once its keyring is gone; the name is the gate's alone. */
static __always_inline bool is_gate_keyring(__s32 serial)
{
	struct bpf_key *key = bpf_lookup_user_key(serial, 0);
	bool is_ours;

	if (!key)
		return false;
	is_ours = is_gate_key(BPF_CORE_READ(key, key));
	bpf_key_put(key);
	return is_ours;
}

/* The keyring that the kernel has verified the program against; 0 where it has not, or against one of its own. */
static __always_inline __s32 verified_against(__u64 aux)
{
	struct bpf_prog_aux___signed *checked = (void *)aux;

	if (!bpf_core_field_exists(checked->sig.verdict) ||
	    !bpf_core_enum_value_exists(enum bpf_sig_verdict___gate, BPF_SIG_VERIFIED___gate) ||
	    !bpf_core_enum_value_exists(enum bpf_sig_keyring___gate, BPF_SIG_KEYRING_USER___gate))
		return 0;
	if (!aux ||
	    BPF_CORE_READ(checked, sig.verdict) !=
		    bpf_core_enum_value(enum bpf_sig_verdict___gate, BPF_SIG_VERIFIED___gate) ||
	    BPF_CORE_READ(checked, sig.keyring_type) !=
		    bpf_core_enum_value(enum bpf_sig_keyring___gate, BPF_SIG_KEYRING_USER___gate))
		return 0;
	return BPF_CORE_READ(checked, sig.keyring_serial);
}

static __noinline __u64 signers_of(__u64 program, __u64 generation)
{
	struct gate_search search = {.generation = generation, .keyring = verified_against(aux_of(program))};
	struct gate_policy *policy = policy_of(generation);

	if (!policy || search.keyring <= 0)
		return 0;
	bpf_loop(policy->keyring_count, try_program_signer, &search, 0);
	return search.found && is_gate_keyring(search.keyring) ? search.found : 0;
}

static __always_inline __u64 signers_of_loader(__u64 program, __u64 generation)
{
	if (!program || BPF_CORE_READ((struct bpf_prog *)program, type) != BPF_PROG_TYPE_SYSCALL)
		return 0;
	return signers_of(program, generation);
}

/*
 * Whenever a thread runs a program, whatever lets it, and before that is decided: on what is noted here depends what
 * the kernel does at the program's wish, so what was noted of another program must be gone.
 */
static __noinline int note_run(__u32 descriptor)
{
	__u64 generation = READ_ONCE(active_generation);
	struct gate_policy *policy = policy_of(generation);
	bool creates = policy && policy->flags & GATE_POLICY_SIGNED;
	struct gate_task *thread = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0,
							creates ? BPF_LOCAL_STORAGE_GET_F_CREATE : 0);

	if (!thread)
		return 0;
	thread->workspace.vouching.run = 0;
	thread->workspace.vouching.generation = generation;
	thread->workspace.vouching.run = signers_of_loader(object_of(descriptor, true), generation);
	return 0;
}

/* Of the program that the current thread runs, if it is one of this policy's. */
static __always_inline __u64 signers_of_run(struct gate_task *thread, __u64 generation)
{
	return thread->workspace.vouching.generation == generation ? thread->workspace.vouching.run : 0;
}

static __always_inline __u64 signers_of_loaded(__u64 program, __u64 generation)
{
	__u64 aux = program ? aux_of(program) : 0;
	struct gate_voucher *voucher = bpf_map_lookup_elem(&vouchers, &aux);

	return voucher && voucher->generation == generation ? voucher->signers : 0;
}

static __always_inline void forget_voucher(__u64 program)
{
	__u64 aux = aux_of(program);

	bpf_map_delete_elem(&vouchers, &aux);
}

/* A verified loader has the kernel load this one. */
static __always_inline void note_loaded(__u64 program)
{
	struct gate_task *thread = bpf_task_storage_get(&tasks, bpf_get_current_task_btf(), 0, 0);
	struct gate_voucher voucher = {.generation = READ_ONCE(active_generation)};
	__u64 aux = aux_of(program);

	if (!thread)
		return;
	voucher.signers = signers_of_run(thread, voucher.generation);
	if (voucher.signers && aux)
		bpf_map_update_elem(&vouchers, &aux, &voucher, BPF_ANY);
}

static __always_inline bool is_exclusive(__u64 map)
{
	struct bpf_map___exclusive *exclusive = (void *)map;

	return map && bpf_core_field_exists(exclusive->excl_prog_sha) && BPF_CORE_READ(exclusive, excl_prog_sha);
}

static __always_inline bool asks_for_exclusive_array(const union bpf_attr *attr)
{
	union bpf_attr___signed *later = (void *)attr;

	return bpf_core_field_exists(later->excl_prog_hash) && BPF_CORE_READ(later, excl_prog_hash) &&
	       BPF_CORE_READ(attr, map_type) == BPF_MAP_TYPE_ARRAY;
}

/* Enough to go on to bpf_prog_load, where the kernel has verified it. */
static __always_inline bool has_signature(const union bpf_attr *attr)
{
	union bpf_attr___signed *later = (void *)attr;

	return bpf_core_field_exists(later->signature) && BPF_CORE_READ(later, signature);
}

/* `attr` is an address, to be read from only. */
static __always_inline __u64 signers_of_call(struct gate_task *thread, __u32 command, const union bpf_attr *attr,
					     __u64 generation)
{
	switch (command) {
	case BPF_MAP_CREATE:
		return asks_for_exclusive_array(attr) ? GATE_EVERY_SIGNER : 0;
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
		return is_exclusive(object_of(BPF_CORE_READ(attr, map_fd), false)) ? GATE_EVERY_SIGNER : 0;
	case BPF_OBJ_GET_INFO_BY_FD:
		return is_exclusive(object_of(BPF_CORE_READ(attr, info.bpf_fd), false)) ? GATE_EVERY_SIGNER : 0;
	case BPF_PROG_LOAD:
		return has_signature(attr) ? GATE_EVERY_SIGNER : 0;
	case BPF_PROG_TEST_RUN:
		return signers_of_run(thread, generation);
	case BPF_RAW_TRACEPOINT_OPEN:
		return signers_of_loaded(object_of(BPF_CORE_READ(attr, raw_tracepoint.prog_fd), true), generation);
	case BPF_LINK_CREATE:
		if (BPF_CORE_READ(attr, link_create.attach_type) != BPF_TRACE_ITER)
			return 0;
		return signers_of_loaded(object_of(BPF_CORE_READ(attr, link_create.prog_fd), true), generation);
	}
	return 0;
}

/* Finds out who vouches for a call that the current thread makes, or that the kernel makes for its program. */
__noinline int note_signers(const struct gate_call *call, __u64 generation)
{
	struct gate_policy *policy = policy_of(generation);
	struct gate_task *thread;

	if (!call || !policy || !(policy->flags & GATE_POLICY_SIGNED))
		return 0;
	thread = current_thread();
	if (!thread)
		return 0;
	thread->workspace.vouching.call = 0;
	if (call->by_kernel)
		thread->workspace.vouching.call = signers_of_run(thread, generation);
	else if (call->program)
		thread->workspace.vouching.call = signers_of(call->program, generation);
	else
		thread->workspace.vouching.call =
			signers_of_call(thread, call->command, (const union bpf_attr *)call->attr, generation);
	return 0;
}

#endif
