#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every line of `bpfgate digest` is the line of `fsverity digest`.
. "$(dirname "$0")/lib.sh"

for size in 0 1 4095 4096 4097 $((128 * 4096 - 1)) $((128 * 4096)) $((128 * 4096 + 1)) $((1 << 20)) $((17 << 20)); do
  pattern "$size" >"f$size"
  [ "$(stat -c %s "f$size")" = "$size" ] || fail "no file of $size bytes"
done

compared=0
for options in '' '--hash-alg=sha512' '--block-size=1024' '--block-size=65536' '--hash-alg=sha512 --block-size=1024' \
  '--salt=00' '--salt=0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789ABCDEF' \
  '--hash-alg=sha512 --block-size=2048 --salt=feed'; do
  # shellcheck disable=SC2086
  fsverity digest $options f* >expected
  # shellcheck disable=SC2086
  expect 0 bpfgate digest $options f*
  cmp -s expected .out || fail "other digests with options '$options': $(diff expected .out)"
  no_err
  compared=$((compared + $(wc -l <expected)))
done
[ "$compared" = 80 ] || fail "compared $compared digests instead of 80"
