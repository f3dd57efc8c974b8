#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A thousand files, one of them bad: the others are signed, in order, and both are counted.
. "$(dirname "$0")/lib.sh"

signer loader
mkdir d
for i in $(seq -w 1000); do echo "$i" >"d/$i"; done
rm d/0500 && mkdir d/0500
seq -w 1000 | sed 's,^,d/,' >names
sign=(bpfgate sign --key loader.key --cert loader.pem)

expect 1 "${sign[@]}" -j 4 --files-from names
err 'd/0500: not a regular file'
err '999 signed, 1 failed'
[ "$(wc -l <.err)" = 2 ] || fail "more on stderr than the failure and the summary"
sed -n 's/^signed sha256:[0-9a-f]* //p' .out | cmp -s - <(grep -v 0500 names) || fail "not in the order given"
getfattr -d -m user.bpf_prog_sig d/* 2>/dev/null | grep -c '^# file' >count || true
[ "$(cat count)" = 999 ] || fail "$(cat count) files carry a signature"
for i in 0001 0777 1000; do
  fsverity sign --key=loader.key --cert=loader.pem "d/$i" expected >/dev/null
  getfattr --only-values -n user.bpf_prog_sig "d/$i" | cmp -s - expected || fail "d/$i has another signature"
done

expect 1 "${sign[@]}" --json --files-from - <names
json 'o["signed"] == 999 and o["failed"] == 1 and len(o["files"]) == 1000'
json '[f["path"] for f in o["files"] if "error" in f] == ["d/0500"]'

# Names with anything in them.
printf 'x' >'d/a name
with a newline'
printf '%s\0' 'd/a name
with a newline' d/0001 >names0
expect 0 "${sign[@]}" -0 --files-from - <names0
err '2 signed, 0 failed'

# No progress line where stderr is no terminal.
if grep -q "$(printf '\r')" .err; then fail "a progress line in a file"; fi

# Two files of one name would share a sidecar; nothing is written then.
mkdir e && cp d/0001 e/
expect 2 "${sign[@]}" --detached --output-dir out d/0001 e/0001
err 'would share out/0001.bpfsig'
[ ! -e out ] || fail "something was written"
