# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For the scripts that run in guests: keys, manifests, signed copies of real programs, and checks that tell a refusal from a
# failure. A check is stated once and run twice: without the gate, where everything must be allowed, and with it.
set -u

work=$VERITY_DIR
keys=$work/keys
failures=0
names=() expectations=() commands=()

die() { echo "BROKEN: $*"; exit 2; }
pass() { echo "ok: $*"; }
fail() { echo "FAILED: $*"; failures=$((failures + 1)); }

# make_key NAME [openssl req options]: NAME.key and NAME.pem in $keys.
make_key() {
  local name=$1
  shift
  mkdir -p "$keys"
  [ $# -gt 0 ] || set -- -newkey rsa:2048
  openssl req -x509 -nodes "$@" -keyout "$keys/$name.key" -out "$keys/$name.pem" -subj "/CN=$name" -days 30 2>"$work/openssl.log" ||
    die "openssl: $(cat "$work/openssl.log")"
}

# sign_as KEY ROLE FILE...
sign_as() {
  local key=$1 role=$2
  shift 2
  bpfgate sign --role "$role" --key "$keys/$key.key" --cert "$keys/$key.pem" "$@" >"$work/sign.log" 2>&1 ||
    die "bpfgate sign $*: $(cat "$work/sign.log")"
}

seal() { bpfgate seal "$@" >"$work/seal.log" 2>&1 || die "bpfgate seal $*: $(cat "$work/seal.log")"; }

# Every library that FILE maps, the dynamic linker included.
libraries_of() { ldd "$1" | grep -o '/[^ ]*' | xargs -n 1 readlink -f | sort -u; }

# sign_libraries_of FILE...: with the key "libraries", each library once.
sign_libraries_of() {
  local file library
  for file in "$@"; do
    for library in $(libraries_of "$file"); do
      fsverity measure "$library" >/dev/null 2>&1 && continue
      sign_as libraries library "$library"
      seal "$library"
    done
  done
}

# signed_copy FROM TO [KEY]: a sealed loader, its libraries sealed as well.
signed_copy() {
  cp "$1" "$2"
  sign_libraries_of "$2"
  sign_as "${3:-loaders}" loader "$2"
  seal "$2"
}

# write_manifest FILE MODE SEQUENCE [GRANT [DEFAULT_GRANT]]: trusts the keys "loaders" and "libraries"; "admins" for
# bpfgate and "policy" for manifests, where those have been made.
write_manifest() {
  local more=''
  if [ -e "$keys/admins.pem" ]; then
    more+=",
   {\"name\": \"admins\", \"role\": \"loader\", \"certificate\": \"$keys/admins.pem\", \"grant\": \"admin\"}"
  fi
  if [ -e "$keys/policy.pem" ]; then
    more+=",
   {\"name\": \"policy\", \"role\": \"manifest\", \"certificate\": \"$keys/policy.pem\"}"
  fi
  cat >"$1" <<JSON
{"bpfgate": 1, "name": "test", "sequence": $3, "mode": "$2",
 "signers": [
   {"name": "loaders", "role": "loader", "certificate": "$keys/loaders.pem", "grant": "${4:-full}"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"}$more],
 "default": {"grant": "${5:-none}"}}
JSON
}

# use_signed_bpfgate: from here on `bpfgate` is a signed and sealed copy, which the gate lets manage it.
use_signed_bpfgate() {
  mkdir -p "$work/bin"
  [ -e "$keys/admins.pem" ] || make_key admins
  signed_copy "$(command -v bpfgate)" "$work/bin/bpfgate" admins
  PATH=$work/bin:$PATH
  hash -r
}

# expect_keyrings COUNT NAME [PREFIX]: the kernel clears invalidated keys away a moment later.
expect_keyrings() {
  local count=''
  for _ in $(seq 50); do
    count=$(grep -c "keyring.*bpfgate:${3:-}" /proc/keys)
    [ "$count" = "$1" ] && break
    sleep 0.1
  done
  [ "$count" = "$1" ] && pass "$2" || fail "$2: wanted $1, not $count: $(grep bpfgate: /proc/keys | head -n 20)"
}

load_gate() { bpfgate gate load --manifest "$1" "${@:2}" || die "gate load $1"; }
update_gate() { bpfgate gate update --manifest "$1" "${@:2}" || die "gate update $1"; }

# check NAME allowed|denied COMMAND...: COMMAND is a witness, or keeps its exit statuses.
check() {
  names+=("$1")
  expectations+=("$2")
  shift 2
  commands+=("$(printf '%q ' "$@")")
}

run_checks() {
  local i want status
  for i in "${!names[@]}"; do
    want=${expectations[i]}
    [ "$1" = baseline ] && want=allowed
    (eval "${commands[i]}") >"$work/output" 2>&1
    status=$?
    case $want:$status in
      allowed:0 | denied:1) pass "$1: ${names[i]}: $want" ;;
      *) fail "$1: ${names[i]}: wanted $want, got status $status: $(cat "$work/output")" ;;
    esac
  done
}

# explain_agrees MANIFEST: of every check that is only about a file, `bpfgate explain` says offline what the kernel decided.
explain_agrees() {
  local i file verb rest want wrong=0 count=0
  for i in "${!names[@]}"; do
    read -r file verb rest <<<"${commands[i]}"
    [ "$verb" = call ] && [ -f "$file" ] && [ -z "$rest" ] || continue
    count=$((count + 1))
    want=$([ "${expectations[i]}" = allowed ] && echo 0 || echo 1)
    bpfgate explain --manifest "$1" "$file" >"$work/explanation" 2>&1
    [ $? = "$want" ] && continue
    wrong=$((wrong + 1))
    echo "${names[i]}: explain says otherwise: $(cat "$work/explanation")"
  done
  [ $count -gt 5 ] && [ $wrong = 0 ] && pass "explain agrees with the kernel on $count files" || fail "explain: $wrong of $count differ"
}

# tool COMMAND...: exit status of a witness for other programs: 0 as it is, 1 where it says that EPERM was the trouble.
tool() {
  "$@" >"$work/tool.out" 2>&1 && return 0
  cat "$work/tool.out"
  grep -q 'Operation not permitted' "$work/tool.out" && return 1
  return 3
}

# expect_status WANTED NAME COMMAND...
expect_status() {
  local want=$1 name=$2 status
  shift 2
  "$@" >"$work/output" 2>&1
  status=$?
  if [ "$status" = "$want" ]; then pass "$name"; else fail "$name: wanted status $want, got $status: $(cat "$work/output")"; fi
}

# expect_output PATTERN NAME COMMAND...: whatever its status.
expect_output() {
  local pattern=$1 name=$2
  shift 2
  "$@" >"$work/output" 2>&1
  if grep -Eq -- "$pattern" "$work/output"; then
    pass "$name"
  else
    fail "$name: no \"$pattern\" in: $(cat "$work/output")"
  fi
}

finish() {
  echo "$failures failed"
  [ "$failures" = 0 ]
  exit
}
