#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --json is one versioned object with an entry for every file, bad ones too.
. "$(dirname "$0")/lib.sh"

echo good >good
printf 'x' >$'not\xffutf8'
expect 1 bpfgate digest --json good missing $'not\xffutf8'
json 'o["bpfgate"] == 1 and o["command"] == "digest" and set(o) == {"bpfgate", "command", "files"}'
json '[f["path"] for f in o["files"]] == ["good", "missing", "not\ufffdutf8"]'
json "o['files'][0] == {'path': 'good', 'digest': '$(fsverity digest good | cut -d' ' -f1)'}"
json '"digest" not in o["files"][1] and o["files"][1]["error"]["message"] == "missing: No such file or directory"'
err 'missing: No such file or directory'

expect 0 bpfgate digest --json good
json 'len(o["files"]) == 1'
no_err
