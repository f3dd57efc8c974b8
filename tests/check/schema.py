#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""manifests/schema.json, asked as editors and pipelines ask it: it is a schema, what ships passes, and what is wrong does not.

That the schema and the parser know the same words is a unit test; here somebody else's validator reads the schema.
"""

import copy
import json

import jsonschema

from tree import ROOT, finish

MANIFESTS = ROOT / "manifests"
DIGEST = "sha256:" + "0f" * 32
GONE = object()  # in place of a value: the key is taken away

# Has every part of the format, so that the wrong ones below differ from it by one thing each.
WHOLE = {
    "bpfgate": 1,
    "name": "whole",
    "sequence": 9007199254740991,
    "mode": "enforce",
    "evidence": {"ima": True, "signed_volumes": False},
    "extension": {"path": "last_word.bpf.o", "digest": DIGEST},
    "signers": [
        {"name": "loaders", "role": "loader", "certificate": "loaders.pem", "grant": ["tracing", "inspect"]},
        {"name": "libraries", "role": "library", "certificate": "libraries.pem"},
        {"name": "policy", "role": "manifest", "certificate": "policy.pem"},
        {"name": "programs", "role": "program", "certificate": "programs.pem"},
    ],
    "digests": [
        {"kind": "fsverity", "digest": DIGEST, "grant": "full", "note": "of a file"},
        {"kind": "ima", "digest": "sha512:" + "0f" * 64, "role": "library"},
    ],
    "volumes": [{"name": "usr", "root_hash": DIGEST, "loaders": [{"path": "/bin/bpftool", "inode": 7, "grant": "inspect"}]}],
    "revoked": {
        "digests": [{"kind": "volume", "digest": DIGEST}],
        "certificates": [{"fingerprint": DIGEST, "note": "lost"}],
    },
    "grants": {
        "tracing": {
            "commands": ["prog_load", "prog_run"],
            "program_types": ["kprobe"],
            "map_types": "any",
            "attach_types": ["trace_fentry"],
            "helpers": {
                "class": "read-only",
                "allow": ["probe_write_user"],
                "allow_kfuncs": ["bpf_put_file"],
                "deny": ["probe_read_user"],
                "deny_kfuncs": ["bpf_task_from_pid"],
            },
            "attach_to": {"functions": ["vfs_*"], "tracepoints": ["sched_switch"], "lsm_hooks": ["file_open"]},
            "when": {"uids": [0], "gids": [27], "cgroups": ["/system.slice/one"], "network_namespace": "initial"},
        },
        "scripting": {"commands": "any", "debug": True, "jit": False},
        "ours": {"commands": "any", "signed_by": ["programs"], "helpers": "read-only"},
        "theirs": {"commands": ["prog_load", "prog_run"], "signed_by": "any"},
        "debugging": {"commands": "any", "debug": True, "when": {}},
    },
    "default": {"grant": ["none", "inspect"]},
}

# What is wrong, where, and the value there.
WRONG = [
    ("a version to come", ["bpfgate"], 2),
    ("no version", ["bpfgate"], GONE),
    ("no sequence", ["sequence"], GONE),
    ("sequence 0", ["sequence"], 0),
    ("a sequence that JSON tools round", ["sequence"], 9007199254740992),
    ("a sequence in quotes", ["sequence"], "1"),
    ("a mode that there is not", ["mode"], "permissive"),
    ("a name with a space", ["name"], "of the host"),
    ("a name of 64 characters", ["name"], "n" * 64),
    ("a mistyped key", ["signer"], []),
    ("evidence that there is not", ["evidence", "tpm"], True),
    ("an extension without a digest", ["extension", "digest"], GONE),
    ("a role that there is not", ["signers", 1, "role"], "libraries"),
    ("a loader without a grant", ["signers", 0, "grant"], GONE),
    ("a library with a grant", ["signers", 1, "grant"], "full"),
    ("a signer of manifests with a grant", ["signers", 2, "grant"], "admin"),
    ("a signer without a certificate", ["signers", 3, "certificate"], GONE),
    ("a certificate's path with a line break", ["signers", 1, "certificate"], "a\nb"),
    ("no grant in a list of grants", ["signers", 0, "grant"], []),
    ("nine grants", ["signers", 0, "grant"], [f"g{i}" for i in range(9)]),
    ("a grant twice", ["signers", 0, "grant"], ["full", "full"]),
    ("a digest of a volume among files", ["digests", 0, "kind"], "volume"),
    ("a digest without its algorithm", ["digests", 0, "digest"], "0f" * 32),
    ("fs-verity by SHA-384", ["digests", 0, "digest"], "sha384:" + "0f" * 48),
    ("a volume revoked by SHA-384", ["revoked", "digests", 0, "digest"], "sha384:" + "0f" * 48),
    ("a digest of IMA that does not count", ["evidence", "ima"], False),
    ("a digest of IMA, and nothing of evidence", ["evidence"], GONE),
    ("a digest that is too short", ["digests", 0, "digest"], DIGEST[:-1]),
    ("a digest by itself, without a grant", ["digests", 0, "grant"], GONE),
    ("a library's digest with a grant", ["digests", 1, "grant"], "full"),
    ("a note with a control character", ["digests", 0, "note"], "a\tb"),
    ("a root hash of another length", ["volumes", 0, "root_hash"], "sha512:" + "0f" * 32),
    ("a volume's loader without an inode", ["volumes", 0, "loaders", 0, "inode"], GONE),
    ("a volume's loader by a relative path", ["volumes", 0, "loaders", 0, "path"], "bin/bpftool"),
    ("a fingerprint by SHA-1", ["revoked", "certificates", 0, "fingerprint"], "sha1:" + "0f" * 20),
    ("a revoked signer", ["revoked", "signers"], ["loaders"]),
    ("a built-in grant defined anew", ["grants", "inspect"], {"commands": "any"}),
    ("a grant without commands", ["grants", "tracing", "commands"], GONE),
    ("a command that there is not", ["grants", "tracing", "commands"], ["prog_loads"]),
    ("a command twice", ["grants", "tracing", "commands"], ["prog_load", "prog_load"]),
    ("another word for any", ["grants", "tracing", "commands"], "all"),
    ("a program type in capitals", ["grants", "tracing", "program_types"], ["KPROBE"]),
    ("a map type that there is not", ["grants", "tracing", "map_types"], ["hashes"]),
    ("an attach type that there is not", ["grants", "tracing", "attach_types"], ["fentry"]),
    ("a helper with its prefix", ["grants", "tracing", "helpers", "deny"], ["bpf_probe_read_user"]),
    ("no rule for helpers", ["grants", "tracing", "helpers"], {}),
    ("a rule for helpers that denies nothing", ["grants", "tracing", "helpers"], {"deny": [], "deny_kfuncs": []}),
    ("no list of helpers", ["grants", "tracing", "helpers", "allow"], "any"),
    ("a helper that is allowed twice", ["grants", "tracing", "helpers", "allow"], ["redirect", "redirect"]),
    ("another class of helpers", ["grants", "tracing", "helpers", "class"], "write-only"),
    ("a kernel function with a space", ["grants", "tracing", "helpers", "deny_kfuncs"], ["bpf task"]),
    ("a glob with a slash", ["grants", "tracing", "attach_to", "functions"], ["vfs/*"]),
    ("a condition that there is not", ["grants", "tracing", "when", "pids"], [1]),
    ("a user id that is no id", ["grants", "tracing", "when", "uids"], [4294967295]),
    ("no user at all", ["grants", "tracing", "when", "uids"], []),
    ("a cgroup above another", ["grants", "tracing", "when", "cgroups"], ["/system.slice/.."]),
    ("a cgroup that is here", ["grants", "tracing", "when", "cgroups"], ["/./system.slice"]),
    ("a debugger on a condition", ["grants", "tracing", "debug"], True),
    ("code made at run time on a condition", ["grants", "tracing", "jit"], True),
    ("a command that signed programs do not take", ["grants", "theirs", "commands"], ["prog_load", "obj_pin"]),
    ("a cgroup by a relative path", ["grants", "tracing", "when", "cgroups"], ["system.slice"]),
    ("another namespace", ["grants", "tracing", "when", "network_namespace"], "host"),
    ("an option that is no boolean", ["grants", "scripting", "jit"], "yes"),
    ("administrators by default", ["default", "grant"], "admin"),
    ("administrators among the defaults", ["default", "grant"], ["inspect", "admin"]),
    ("a default without a grant", ["default"], {}),
]


def changed(path, value):
    manifest = copy.deepcopy(WHOLE)
    place = manifest
    for key in path[:-1]:
        place = place[key]
    if value is GONE:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return manifest


def find_faults(schema):
    validator = jsonschema.Draft202012Validator(schema)
    shipped = [path for path in sorted(MANIFESTS.glob("*.json")) if path.name != "schema.json"]
    if len(shipped) < 5:
        yield f"only {len(shipped)} manifests in {MANIFESTS}"
    for path in shipped:
        for error in validator.iter_errors(json.loads(path.read_text())):
            yield f"manifests/{path.name}: {error.json_path}: {error.message}"
    for error in validator.iter_errors(WHOLE):
        yield f"what is right is refused: {error.json_path}: {error.message}"
    for what, path, value in WRONG:
        errors = list(validator.iter_errors(changed(path, value)))
        if not errors:
            yield f"passes, and is wrong: {what}"
        # For another reason it would show nothing: the fault is at the place, in it, or about an object on the way to it.
        elif not any(all(a == b for a, b in zip(error.absolute_path, path)) for error in errors):
            yield f"refused elsewhere: {what}: {[error.json_path for error in errors]}"


def main():
    schema = json.loads((MANIFESTS / "schema.json").read_text())
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        finish([f"manifests/schema.json is no schema: {error.message}"], "schema")
    finish(list(find_faults(schema)), f"schema ({len(WRONG)} wrong manifests)")


main()
