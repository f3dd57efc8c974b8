#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What changes from one policy to another, for people and for programs.
. "$(dirname "$0")/lib.sh"

signer loader
cat >old.json <<'END'
{"bpfgate": 1, "name": "host", "sequence": 1, "mode": "audit",
 "signers": [{"name": "tracers", "role": "loader", "certificate": "loader.pem", "grant": "tracing"}],
 "grants": {"tracing": {"commands": ["prog_load", "btf_load"], "helpers": "read-only"}}}
END
cat >new.json <<'END'
{"bpfgate": 1, "name": "host", "sequence": 2, "mode": "enforce",
 "signers": [{"name": "tracers", "role": "loader", "certificate": "loader.pem", "grant": ["inspect", "tracing"]}],
 "grants": {"tracing": {"commands": ["prog_load", "link_create"]}}}
END

expect 1 bpfgate manifest diff old.json new.json
out_is '~ grant tracing: commands +link_create -btf_load  (wider)
~ grant tracing: helpers read-only -> any  (wider)
~ mode audit -> enforce
~ sequence 1 -> 2
~ signer tracers: grant +inspect  (wider)'
no_err
expect 1 bpfgate manifest diff --json old.json new.json
json 'o["command"] == "manifest diff" and len(o["changes"]) == 5'
json '{"op": "replace", "pointer": "/mode", "old": "audit", "new": "enforce", "wider": False} in o["changes"]'
json '{"op": "remove", "pointer": "/grants/tracing/helpers", "old": {"class": "read-only"}, "wider": True} in o["changes"]'

json '{c["pointer"] for c in o["changes"] if c["wider"]} == {"/grants/tracing/commands", "/grants/tracing/helpers", "/signers/0"}'

# Equal is what decides alike, however it is written.
python3 -m json.tool old.json >same.json
expect 0 bpfgate manifest diff old.json same.json
out_is ''
expect 0 bpfgate manifest diff --json old.json same.json
json 'o["changes"] == []'

expect 2 bpfgate manifest diff old.json
expect 1 bpfgate manifest diff old.json absent.json
err 'absent.json: No such file or directory'
