# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by every test here. meson sets BPFGATE to the program under test; the test starts in an empty directory of its
# own, on the build directory's file system, which has extended attributes (/tmp may have none).
set -euo pipefail
export LC_ALL=C

here=$(mktemp -d "$PWD/cli.XXXXXX")
trap 'rm -rf "$here"' EXIT
cd "$here"

fail() {
  echo "FAILED (line ${BASH_LINENO[${2:-0}]} of $0): $1" >&2
  [ ! -e .out ] || { echo "--- stdout"; cat .out; echo "--- stderr"; cat .err; } >&2
  exit 1
}

# expect STATUS COMMAND...: runs it with stdout in .out and stderr in .err, and fails unless it exits with STATUS.
expect() {
  local want=$1 got=0
  shift
  "$@" >.out 2>.err || got=$?
  [ "$got" = "$want" ] || fail "exit status $got instead of $want: $*" 1
}

bpfgate() { "$BPFGATE" "$@"; }

# out TEXT / err TEXT: the last expect printed this line; out_is TEXT: exactly this.
out() { grep -qxF -- "$1" .out || fail "stdout lacks the line: $1" 1; }
err() { grep -qF -- "$1" .err || fail "stderr lacks: $1" 1; }
out_is() { [ "$(cat .out)" = "$1" ] || fail "stdout is not: $1" 1; }
no_err() { [ ! -s .err ] || fail "stderr is not empty" 1; }

# json EXPRESSION: a Python expression over the last expect's JSON output `o`, which must be true.
json() {
  python3 -c 'import json, sys; o = json.load(open(".out")); sys.exit(0 if eval(sys.argv[1]) else 1)' "$1" ||
    fail "not true of the JSON output: $1" 1
}

# signer NAME [OPTION...]: NAME.key and NAME.pem, RSA-2048 unless openssl req is told otherwise.
signer() {
  local options=("${@:2}")
  [ ${#options[@]} -gt 0 ] || options=(-newkey rsa:2048)
  openssl req -x509 "${options[@]}" -noenc -days 30 -subj "/CN=test $1" -keyout "$1.key" -out "$1.pem" 2>.openssl ||
    fail "openssl req: $(cat .openssl)"
}

# pattern SIZE: that many bytes, different for each position and the same in each run.
pattern() {
  openssl enc -aes-128-ctr -K 00 -iv 00 -in /dev/zero 2>/dev/null | head -c "$1" || [ "${PIPESTATUS[1]}" = 0 ]
}

# set_signature FILE SIGNATURE
set_signature() { setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 "$2" | tr -d ' \n')" "$1"; }

# fsverity_message FILE: the bytes that a signature of the file is over, for SHA-256 and default parameters.
fsverity_message() {
  printf 'FSVerity\1\0\40\0'
  fsverity digest --compact "$1" | tr -d '\n' | sed 's,..,\\x&,g' | xargs -0 printf '%b'
}
