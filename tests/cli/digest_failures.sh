#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One bad file costs one line on stderr and the exit status, not the other files.
. "$(dirname "$0")/lib.sh"

echo good >good
mkfifo fifo
mkdir directory
digest=$(fsverity digest good)

expect 1 bpfgate digest missing good fifo directory /dev/null good
out_is "$digest"$'\n'"$digest"
[ "$(wc -l <.err)" = 4 ] || fail "not one line for each of four bad files"
err 'missing: No such file or directory'
for bad in fifo directory /dev/null; do err "$bad: not a regular file"; done

# What cannot be written in full is no success.
status=0
"$BPFGATE" digest good >/dev/full 2>.err || status=$?
[ "$status" = 1 ] || fail "exit status $status with a full disk behind stdout"
err 'standard output'

# Usage: nothing is digested.
for options in '' '--hash-alg=md5 good' '--block-size=512 good' '--block-size=5000 good' '--block-size=131072 good' \
  '--salt=0 good' '--salt=xx good' '-j0 good' '-j-1 good' '--nonsense good' "--salt=$(printf '00%.0s' {1..33}) good" \
  '--files-from /dev/null'; do
  # shellcheck disable=SC2086
  expect 2 bpfgate digest $options
  out_is ''
done
expect 1 bpfgate digest --files-from missing
err 'missing: No such file or directory'
