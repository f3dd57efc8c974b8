/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * What the gate's BPF programs and user space share: the layout of every map that both touch, and the numbers in
 * events. Fixed widths only, native byte order, no implicit padding; sizes are asserted below. The policy maps hold two
 * banks. Bank (generation & 1) is the active one; user space fills the other and then stores the new generation in
 * `active_generation`, which is the only moment at which a policy changes.
 */
#ifndef BPFGATE_GATE_ABI_H
#define BPFGATE_GATE_ABI_H

#ifndef __bpf__ /* BPF takes these types from vmlinux.h */
#include <linux/types.h>
#endif

#define GATE_ABI_VERSION 6

#define GATE_BANKS 2
#define GATE_MAX_KEYRINGS 64 /* per bank: for each role and set of grants, one with all its signers */
#define GATE_MAX_GRANTS 64  /* per bank, and bits of a set of grants */
#define GATE_MAX_DIGESTS 110064 /* per bank: of files, revoked ones, and of volumes */
#define GATE_NAME_SIZE 64	  /* names are NUL-terminated */
#define GATE_PATH_SIZE 1024 /* of a path in an event, NUL included; a longer one is left out */
#define GATE_MAX_SIGNATURE 16384
#define GATE_MAX_DIGEST 64
#define GATE_SCRATCH_SLOTS 64 /* signature buffers of a large machine, 1 MiB */
#define GATE_SCRATCH_STEPS (1 << 20) /* claims tried before a judgement is put off */
#define GATE_HASH_SIZE 32
#define GATE_MAX_AUTHORITIES 8 /* per bank */
#define GATE_MAX_CERTIFICATE 8192
#define GATE_MAX_GUARDED 256
#define GATE_MAX_WAYS 256
#define GATE_MAX_DEVICES 4096 /* with a dm-verity root hash, or that got another table */
#define GATE_MAX_VOLUMES 64 /* per bank */
#define GATE_MAX_VOLUME_LOADERS 4096 /* per bank, of all volumes */
#define GATE_MAX_HELPERS 256
#define GATE_MAX_FUNCTIONS 65536 /* kfuncs and attach targets of all grants of a policy */
#define GATE_MAX_IDS 16 /* users, or groups, of one grant's condition */
#define GATE_MAX_CGROUPS 8	   /* of one grant's condition */
#define GATE_CGROUP_LEVELS 8
#define GATE_EVENT_KFUNCS 16

/*
 * The generation of a policy: 1 at first, one more with every update of a sealed gate, and a number that nobody could
 * foresee where the maps were anybody's to write until then. 64 bits never wrap.
 */
#define GATE_NO_GENERATION 0

enum gate_mode {
	GATE_MODE_UNSET = 0, /* refuses like enforce: a policy that is not there must not allow */
	GATE_MODE_AUDIT = 1, /* reports what would be refused, refuses nothing */
	GATE_MODE_ENFORCE = 2,
};

enum gate_role {
	GATE_ROLE_UNSET = 0, /* proves nothing */
	GATE_ROLE_LOADER = 1,
	GATE_ROLE_LIBRARY = 2,
	GATE_ROLE_PROGRAM = 3, /* of BPF programs, which the kernel verifies; proves no file */
	GATE_ROLE_REVOKED = 4, /* of a digest: proves that the file is none, whatever else it has */
};

/* What a process is to the gate. */
enum gate_image {
	/* Zero, because storage starts so: the process image is older than the gate and has not been judged. */
	GATE_IMAGE_INHERITED = 0,
	/*
	 * Started from a file whose digest is in the mark, and watched since. What it may do holds under one generation
	 * only; under any other it is judged again, by the digest.
	 */
	GATE_IMAGE_WATCHED = 1,
	/* Judged at exec, and found without evidence. Not watched, so never judged again: only exec changes it. */
	GATE_IMAGE_UNPROVEN = 2,
};

/* What the gate concluded about a file. */
enum gate_verdict {
	GATE_VERDICT_UNSET = 0,
	GATE_VERDICT_LOADER = 1,
	GATE_VERDICT_LIBRARY = 2,
	GATE_VERDICT_NO_EVIDENCE = 3,
	GATE_VERDICT_UNKNOWN = 4, /* could not be judged now; judged again at the next occasion */
};

/* Why. Stable numbers: they appear in events and in the journal. */
enum gate_reason {
	GATE_REASON_UNSET = 0,
	/* evidence */
	GATE_REASON_LISTED_DIGEST = 1,
	GATE_REASON_SIGNATURE = 2,
	GATE_REASON_LISTED_IMA_DIGEST = 3, /* a file that is not sealed: see GATE_POLICY_IMA */
	GATE_REASON_IMA_SIGNATURE = 4,
	GATE_REASON_VOLUME = 5, /* is on a trusted dm-verity volume */
	/* no evidence */
	GATE_REASON_NOT_SEALED = 16,
	GATE_REASON_NO_SIGNATURE = 17,
	GATE_REASON_SIGNATURE_TOO_LARGE = 18,
	GATE_REASON_SIGNATURE_MALFORMED = 19,
	GATE_REASON_SIGNATURE_UNTRUSTED = 20, /* by nobody the policy trusts */
	GATE_REASON_SIGNATURE_MISMATCH = 21,  /* a trusted signer's, but not of this file */
	GATE_REASON_DIGEST_UNKNOWN = 22,	 /* a digest algorithm the gate does not know */
	GATE_REASON_REVOKED = 23,	  /* the policy says that this file counts no more */
	GATE_REASON_VOLUME_UNTRUSTED = 24,	   /* is on a dm-verity volume that the policy does not trust */
	GATE_REASON_VOLUME_REPLACED = 25,	  /* whose device has had another table, or was writable */
	GATE_REASON_VOLUME_UNCHECKED = 26,	   /* of which not every block is verified each time */
	/* could not be judged */
	GATE_REASON_BUSY = 32,  /* no scratch buffer was free */
	GATE_REASON_FAULT = 33, /* out of memory, or the policy changed under the judgement */
	/* about the process */
	GATE_REASON_NOT_A_LOADER = 48,    /* its file has evidence, but of a library */
	GATE_REASON_EXEC_TRACED = 49,     /* a debugger was attached at exec */
	GATE_REASON_EXE_CHANGED = 50,     /* its executable is no longer the one it was started from */
	GATE_REASON_SHARED_MEMORY =
		51,   /* shares its memory with another process (CLONE_VM) and has not called exec yet */
	GATE_REASON_COMMAND_NOT_GRANTED = 52,
	GATE_REASON_DEBUGGER = 53, /* wants to debug, or write the memory of, a marked process */
	/* The command is granted, but not so. The higher, the closer the grant came: see bpf/grant.bpf.h. */
	GATE_REASON_PROGRAM_TYPE_NOT_GRANTED = 54,
	GATE_REASON_MAP_TYPE_NOT_GRANTED = 55,
	GATE_REASON_ATTACH_TYPE_NOT_GRANTED = 56,
	GATE_REASON_TARGET_NOT_GRANTED = 57, /* what the program is to be attached to */
	GATE_REASON_CONDITION_NOT_MET = 58,  /* user, group, cgroup or namespace */
	GATE_REASON_HELPER_NOT_GRANTED = 59,
	GATE_REASON_KFUNC_NOT_GRANTED = 60,
	GATE_REASON_PROGRAM_NOT_SIGNED = 61, /* by none of those whose programs the grant is for */
	GATE_REASON_EXTENSION_REFUSED = 62, /* the policy allows it, an administrator's program does not */
	/* taint */
	GATE_REASON_TAINT_FILE = 64,	     /* mapped a file without evidence as code */
	GATE_REASON_TAINT_ANONYMOUS = 65, /* mapped anonymous memory as code */
	GATE_REASON_TAINT_WRITABLE = 66,	 /* mapped memory writable and executable at once */
	GATE_REASON_TAINT_MADE_EXECUTABLE = 67, /* made other memory executable */
	GATE_REASON_TAINT_MADE_WRITABLE = 68,   /* made executable memory writable */
	GATE_REASON_TAINT_TRACED = 69,    /* a debugger, or anything else that may write its memory, was let in */
	GATE_REASON_TAINT_EXE_REPLACED = 70, /* told the kernel that its executable is another one (PR_SET_MM) */
	GATE_REASON_TAINT_VOLUME = 71,      /* has code of a volume, and since then some device got another table */
	/* about the gate's own objects, which only administrators reach */
	GATE_REASON_GUARDED_MAP = 80,
	GATE_REASON_GUARDED_PROGRAM = 81,
	GATE_REASON_GUARDED_LINK = 82,
	GATE_REASON_GUARDED_PIN = 83,
	GATE_REASON_GUARDED_MOUNT = 84,
	GATE_REASON_GUARDED_KEY = 85,
	GATE_REASON_GUARDED_SYSCTL = 86,
	GATE_REASON_GUARDED_HOOK = 87, /* a program that could undo the gate from beside it */
};

enum gate_event_kind {
	GATE_EVENT_REFUSED = 1,
	GATE_EVENT_WOULD_REFUSE = 2, /* audit mode */
	GATE_EVENT_TAINTED = 3,
};

/* The process is older than the gate: its verdict rests on its executable alone. */
#define GATE_EVENT_PRE_EXISTING 1U

#define GATE_NO_COMMAND 0xffffffffU
#define GATE_NO_PROGRAM_TYPE 0xffffffffU
#define GATE_NO_MAP_TYPE 0xffffffffU
#define GATE_NO_ATTACH_TYPE 0xffffffffU

/*
 * fs-verity digest as bpf_get_fsverity_digest() writes it: struct fsverity_digest with room for the largest. Or an IMA
 * digest, whose algorithm is GATE_DIGEST_IMA with HASH_ALGO_* (include/uapi/linux/hash_info.h): the flag keeps the two
 * apart wherever digests are compared, and is taken off where one is signed.
 */
#define GATE_DIGEST_IMA 0x100
#define GATE_DIGEST_VOLUME 0x200 /* a root hash of dm-verity; FS_VERITY_HASH_ALG_* */
#define GATE_DIGEST_ORIGIN 0x400 /* none: tells a file of a volume from others while it is in use */
struct gate_digest {
	__u16 algorithm; /* FS_VERITY_HASH_ALG_* or the above, native byte order */
	__u16 size;	    /* bytes used of value */
	__u8 value[GATE_MAX_DIGEST]; /* the rest is zero */
};

/* Map `about`, one entry, frozen: identifies the gate to whoever finds it pinned. Its layout never changes. */
struct gate_about {
	__u32 abi_version; /* GATE_ABI_VERSION */
	__u32 reserved;
	__u8 build_hash[GATE_HASH_SIZE]; /* SHA-256 of the BPF object */
};

/* IMA digests count for files that are not sealed. */
#define GATE_POLICY_IMA 1U
/* Some dm-verity volume is listed. */
#define GATE_POLICY_VOLUMES 8U
/* dm-verity volumes are trusted where the kernel has verified a signature of their root hash. */
#define GATE_POLICY_SIGNED_VOLUMES 2U
/* There is a signer of programs: for grants with GATE_GRANT_SIGNED more is found out about each call. */
#define GATE_POLICY_SIGNED 4U

/* One per bank, in map `policies`. */
struct gate_policy {
	__u64 generation; /* must equal the generation that selected the bank */
	__u64 sequence; /* of the manifest */
	__u64 default_grants; /* what processes without a mark may do: bit N is grant N of the bank */
	__u32 mode;	    /* enum gate_mode */
	__u32 signer_count; /* that the manifest names and does not revoke; of code */
	__u32 grant_count;
	__u32 digest_count;
	__u32 authority_count;
	__u32 flags; /* GATE_POLICY_* */
	__u8 hash[GATE_HASH_SIZE]; /* SHA-256 of the manifest's canonical text */
	char name[GATE_NAME_SIZE];
	__u32 keyring_count;
	__u32 revoked_count; /* digests; not among digest_count */
	__u8 extension[GATE_HASH_SIZE]; /* SHA-256 of its object file; zero where there is none */
};

/*
 * Map `signers`, index bank * GATE_MAX_KEYRINGS + i: signers with the same role and grants, for the kernel finds the
 * one it needs in a keyring by itself, and each keyring costs an attempt at every signature.
 */
struct gate_signer {
	__s32 keyring; /* serial of the keyring that holds their certificates */
	__u32 role;    /* enum gate_role */
	__u64 grants;  /* for loaders: bit N is grant N of the bank */
	char name[GATE_NAME_SIZE]; /* of the first of them */
};

/* Reaches the gate's own objects. */
#define GATE_GRANT_ADMIN 1U
/* May be debugged from outside, and loses its mark by that; otherwise the debugger is refused. */
#define GATE_GRANT_DEBUG 2U
/* Anonymous executable memory does not taint. */
#define GATE_GRANT_JIT 4U
/* There is a rule for helpers and kfuncs: the instructions of programs are looked at. */
#define GATE_GRANT_HELPERS 8U
/* Map `functions` has the kfuncs that may be called; otherwise those that may not. */
#define GATE_GRANT_ONLY_KFUNCS 16U
/* Programs may be attached to what map `functions` has, and to nothing else. */
#define GATE_GRANT_TARGETS 32U
/* Only in the host's network namespace; user namespace. */
#define GATE_GRANT_INITIAL_NETWORK 64U
#define GATE_GRANT_INITIAL_USERS 128U
/* For programs that one of `program_signers` has signed, and what it takes to load and attach them. */
#define GATE_GRANT_SIGNED 256U

/* Map `grants`, index bank * GATE_MAX_GRANTS + i. */
struct gate_grant {
	__u64 commands; /* bit N is bpf command N (enum bpf_cmd); commands from 64 on are never granted */
	__u64 plain_commands; /* those of them that are granted whatever their arguments and the caller are */
	/* Bit N is number N; all bits: later numbers from 64 on, too. */
	__u64 program_types;
	__u64 map_types;
	__u64 attach_types;
	__u64 helpers[GATE_MAX_HELPERS / 64];
	__u32 flags;    /* GATE_GRANT_* */
	__u32 uid_count; /* 0: any */
	__u32 gid_count;
	__u32 cgroup_count;
	__u32 uids[GATE_MAX_IDS]; /* as the initial user namespace counts */
	__u32 gids[GATE_MAX_IDS];
	char name[GATE_NAME_SIZE];
	__u64 program_signers; /* bit N is signer N of the bank */
};

/* Map `cgroups`, index (bank * GATE_MAX_GRANTS + grant) * GATE_MAX_CGROUPS + i: a path, level by level from below the
 * root.
 */
struct gate_cgroup {
	__u32 levels; /* 1 to GATE_CGROUP_LEVELS */
	__u32 reserved;
	char names[GATE_CGROUP_LEVELS][GATE_NAME_SIZE]; /* the rest is zero */
};

/* Map `functions`: kfuncs and attach targets that a grant has, or has not (GATE_GRANT_ONLY_KFUNCS), by BTF id. */
#define GATE_KFUNC 1
#define GATE_TARGET 2
struct gate_function {
	__u32 bank;
	__u32 grant;
	__u32 kind;
	__u32 id; /* in the kernel's own BTF */
};

/* Map `digests`, of files and of volumes: the key carries the bank, so that both policies fit in one map. */
struct gate_digest_key {
	__u32 bank;
	struct gate_digest digest;
};
struct gate_listed_digest {
	__u64 grants; /* as of a signer */
	__u32 role; /* of a volume's root hash: GATE_ROLE_LIBRARY */
	__u32 volume; /* of a root hash: number of the volume, in keys of `volume_loaders` */
};

/* Map `volume_loaders`: the files of a volume that may call bpf(2). A file system that cannot be written to keeps its
 * inode numbers.
 */
struct gate_volume_loader {
	__u32 bank;
	__u32 volume;
	__u64 inode;
};

/*
 * Map `authorities`, index bank * GATE_MAX_AUTHORITIES + i: who may sign manifests (role "manifest"). Read by user
 * space only, which takes them from here and not from a file.
 */
struct gate_authority {
	__u32 length; /* of `certificate`, in bytes */
	__u32 reserved;
	char name[GATE_NAME_SIZE];
	__u8 certificate[GATE_MAX_CERTIFICATE]; /* DER */
};

/* Map `sealed`, one 64-bit number. What is not known counts as sealed. */
#define GATE_UNSEALED 0
#define GATE_SEALED 1   /* changes by signed manifests only */
#define GATE_RELEASED 2 /* is being taken away: whoever holds links lets them go */

/* Map `guarded`: what others do not reach, with for whom it is as the value, a 32-bit number. */
#define GATE_FOR_ADMINISTRATORS 1
#define GATE_FOR_NOBODY 2 /* nobody has a use for a descriptor, in no mode */
enum gate_object_kind {
	GATE_OBJECT_MAP = 1,   /* id: of the map */
	GATE_OBJECT_PROGRAM = 2, /* id: of the program */
	GATE_OBJECT_LINK = 3,   /* id: of the link */
	GATE_OBJECT_INODE = 4,   /* device and inode number */
	GATE_OBJECT_FILE_SYSTEM = 5, /* device; id 0 */
	GATE_OBJECT_MOUNT_NAMESPACE = 6, /* device: one of GATE_NAMESPACE_*; id: the inode number of /proc/PID/ns/mnt */
};
#define GATE_NAMESPACE_OF_PROCESS_1 0
#define GATE_NAMESPACE_OF_LOADER 1 /* the process that loaded the gate */
struct gate_object {
	__u32 kind; /* enum gate_object_kind */
	__u32 device; /* as the kernel counts: major << 20 | minor; or as said above; or 0 */
	__u64 id;
};

/* Map `counters`, one entry. Everything only ever grows. */
struct gate_counters {
	__u64 refused;
	__u64 would_refuse;
	__u64 tainted;
	__u64 lost_events; /* the ring buffer was full */
	__u64 verified; /* PKCS#7 verifications */
	__u64 cached; /* verdicts answered from an inode */
	__u64 scratch_waits;
	__u64 scratch_exhausted;
};

/* What program `gate_marks` writes for each process that has been judged, or may have been: one record, no separators.
 */
struct gate_mark_record {
	__u64 generation; /* of the policy that `grants` is of */
	__u64 grants; /* bit N is grant N of the bank */
	__u64 image; /* 0: older than the gate */
	__u32 tgid;
	__u32 state; /* enum gate_image */
	__u32 verdict; /* enum gate_verdict */
	__u32 reason; /* enum gate_reason */
	__u32 taint; /* enum gate_reason, or 0 */
	__u32 flags; /* GATE_GRANT_* */
};

/* Record of ring buffer `events`. */
struct gate_event {
	__u64 time; /* ns, CLOCK_BOOTTIME */
	__u64 generation; /* of the policy that decided */
	__u32 kind; /* enum gate_event_kind */
	__u32 pid; /* thread */
	__u32 tgid; /* process */
	__u32 uid; /* real user id, as the initial user namespace counts it */
	__u32 command; /* enum bpf_cmd, or GATE_NO_COMMAND */
	__u32 program_type; /* enum bpf_prog_type for BPF_PROG_LOAD, else GATE_NO_PROGRAM_TYPE */
	__u32 verdict; /* enum gate_verdict of the process's file */
	__u32 reason; /* enum gate_reason */
	__u32 flags; /* GATE_EVENT_PRE_EXISTING */
	__u32 map_type; /* enum bpf_map_type for BPF_MAP_CREATE, else GATE_NO_MAP_TYPE */
	__u32 attach_type; /* enum bpf_attach_type where there is one, else GATE_NO_ATTACH_TYPE */
	__u32 target; /* of BPF_PROG_LOAD: BTF id of what the program is to be attached to, or 0 */
	/* Of programs whose instructions were looked at: the helpers they call, bit N is helper N; and the first of
	 * their kfuncs, by id in the kernel's BTF.
	 */
	__u64 helpers[GATE_MAX_HELPERS / 64];
	__u32 kfuncs[GATE_EVENT_KFUNCS];
	__u32 kfunc_count; /* each once, but of what is not in kfuncs (more of them, modules' functions) each call */
	__u32 denied; /* the helper, or the kfunc, that was not granted */
	char comm[16];
	char rule[GATE_NAME_SIZE]; /* the grant that came closest */
	char path[GATE_PATH_SIZE]; /* executable, as its mount namespace names it; empty when it could not be had */
};

#define GATE_ASSERT_SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type " has changed its size")
#ifdef __cplusplus
#define _Static_assert static_assert
#endif
GATE_ASSERT_SIZE(gate_digest, 68);
GATE_ASSERT_SIZE(gate_about, 40);
GATE_ASSERT_SIZE(gate_policy, 184);
GATE_ASSERT_SIZE(gate_signer, 80);
GATE_ASSERT_SIZE(gate_grant, 288);
GATE_ASSERT_SIZE(gate_cgroup, 520);
GATE_ASSERT_SIZE(gate_function, 16);
GATE_ASSERT_SIZE(gate_digest_key, 72);
GATE_ASSERT_SIZE(gate_listed_digest, 16);
GATE_ASSERT_SIZE(gate_volume_loader, 16);
GATE_ASSERT_SIZE(gate_authority, 8264);
GATE_ASSERT_SIZE(gate_object, 16);
GATE_ASSERT_SIZE(gate_counters, 64);
GATE_ASSERT_SIZE(gate_event, 1272);
GATE_ASSERT_SIZE(gate_mark_record, 48);
#ifdef __cplusplus
#undef _Static_assert
#endif

#endif
