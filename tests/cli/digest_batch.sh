#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Many files: from the command line and from lists, on any number of threads, always in the order given.
. "$(dirname "$0")/lib.sh"

mkdir d
for i in $(seq 200); do pattern $((i * 997 % 70000)) >"d/$i"; done
printf 'x' >'d/a name
with a newline'
find d -type f -print0 | shuf -z --random-source=/dev/zero >names0
xargs -0 fsverity digest <names0 >expected
[ "$(wc -l <expected)" = 202 ] || fail "expected $(wc -l <expected) lines"

for jobs in 1 2 7 300; do
  expect 0 bpfgate digest -j "$jobs" -0 --files-from names0
  cmp -s expected .out || fail "another order or other digests with -j $jobs"
done
expect 0 bpfgate digest --null --files-from - <names0
cmp -s expected .out || fail "names from standard input"
expect 0 xargs -0 "$BPFGATE" digest <names0
cmp -s expected .out || fail "names as arguments"

# Lists have one name a line without -0, empty lines do not matter, nor does a missing last newline.
printf 'd/1\n\nd/2' >list
expect 0 bpfgate digest --files-from list d/3
[ "$(cut -d' ' -f2 .out | tr '\n' ' ')" = 'd/3 d/1 d/2 ' ] || fail "order of arguments and list"

# A file may be named twice, and one that looks like an option after --.
cp d/1 ./-j
expect 0 bpfgate digest -- -j d/1 d/1
[ "$(cut -d' ' -f1 .out | sort -u | wc -l)" = 1 ] || fail "one content, several digests"
[ "$(wc -l <.out)" = 3 ] || fail "three names, not three lines"
