#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# `digest --ima` prints what sha256sum and its kin compute, and takes no option that shapes a tree.
. "$(dirname "$0")/lib.sh"

for size in 0 1 4096 262143 262144 262145 $((1 << 20)) $((17 << 20)); do pattern "$size" >"f$size"; done
compared=0
for algorithm in sha256 sha384 sha512; do
  "${algorithm}sum" f* | sed "s,^\([0-9a-f]*\)  ,$algorithm:\1 ," >expected
  expect 0 bpfgate digest --ima --hash-alg "$algorithm" f*
  cmp -s expected .out || fail "other digests with $algorithm: $(diff expected .out)"
  no_err
  compared=$((compared + $(wc -l <expected)))
done
[ "$compared" = 24 ] || fail "compared $compared digests instead of 24"
expect 0 bpfgate digest --ima f1
out_is "sha256:$(sha256sum f1 | cut -d' ' -f1) f1"
expect 0 bpfgate digest --json --ima f1
json "o['files'] == [{'path': 'f1', 'digest': 'sha256:$(sha256sum f1 | cut -d' ' -f1)'}]"

expect 1 bpfgate digest --ima missing . f1
err 'missing: No such file or directory'
err '.: not a regular file'
out "sha256:$(sha256sum f1 | cut -d' ' -f1) f1"

for options in '--hash-alg sha1' '--hash-alg md5' '--block-size 4096' '--block-size 1024' '--salt 00'; do
  # shellcheck disable=SC2086
  expect 2 bpfgate digest --ima $options f1
  out_is ''
done
err 'neither block size nor salt'
expect 2 bpfgate digest --hash-alg sha384 f1 # fs-verity has no SHA-384
