#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# On a terminal a long batch shows how far it is, and takes the line away when it is done.
. "$(dirname "$0")/lib.sh"

signer slow -newkey rsa:4096
mkdir d
for i in $(seq 400); do echo "$i" >"d/$i"; done
# stdout in a file, stderr on a terminal of script(1)'s making, copied to .out.
script -qec "'$BPFGATE' sign -j 1 --key slow.key --cert slow.pem d/* d/missing >signed; echo \$? >status" /dev/null \
  >.out </dev/null
[ "$(cat status)" = 1 ] || fail "exit status $(cat status)"
[ "$(wc -l <signed)" = 400 ] || fail "$(wc -l <signed) files signed"
clear=$(printf '\r\033\\[K')
grep -qE "${clear}[0-9]+ of 401" .out || fail "no progress"
grep -q "${clear}bpfgate: d/missing: No such file" .out || fail "the error is not on a line of its own"
[ "$(tail -n 1 .out | tr -d '\r')" = 'bpfgate: 400 signed, 1 failed' ] || fail "no summary on a line of its own"
