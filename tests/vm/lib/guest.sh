# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# For the scripts that run in guests: keys, manifests, signed copies of real programs, and checks that tell a refusal from a
# failure. A check is stated once and run twice: without the gate, where everything must be allowed, and with it.
set -u

work=$VERITY_DIR
keys=$work/keys
failures=0
names=() expectations=() commands=() causes=()

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

load_gate() { bpfgate gate load --manifest "$1" "${@:2}" || die "gate load $1"; remember_policy "$1"; }
update_gate() { compare_events; bpfgate gate update --manifest "$1" "${@:2}" || die "gate update $1"; remember_policy "$1"; }

# --- explain and the kernel. Of every case `bpfgate explain` must say what the kernel decided, and for the same reason;
# agree.py compares them. Cases are the checks, and with explain_each_status what goes through expect_status, too. What explain
# cannot know is left out for a cause that is printed at the end; agree.py knows most, a test states others: cannot_know="..."
# check ..., or only_events="..." where being let says nothing. Comparing takes the events out of the kernel, so a test that
# looks at them gets them from `events`.
agreement=$work/agreement
explains=''
explain_each_status() { explains=1; }

# Subshells ask it as well, which a coprocess's descriptors are not for; the first of all to ask should be none of them, or
# there will be another one. It is nobody's job: a test may wait for all of its own.
start_agreeing() {
  rm -f "$agreement"/{questions,answers}
  mkfifo "$agreement/questions" "$agreement/answers" || die "no pipes for agree.py"
  exec {agree_questions}<>"$agreement/questions" {agree_answers}<>"$agreement/answers"
  (python3 /opt/bpfgate/lib/agree.py <&"$agree_questions" >&"$agree_answers" 2>"$agreement/errors" &)
}

# agree WHAT ARGUMENT...: as agree.py says. Without an answer the next one would be to the wrong question, and whoever asks
# may be a subshell: so finish() fails.
agree() {
  [ -n "${agree_questions:-}" ] || start_agreeing
  local answer words=("$PWD" "$PATH" "${cannot_know:-}" "${only_events:-}" "$1" "$agreement" "${@:2}")
  printf '%s\0' "${#words[@]}" "${words[@]}" >&"$agree_questions"
  if ! IFS= read -r -d '' -t 300 -u "$agree_answers" answer; then
    touch "$agreement/broken"
    die "agree.py gives no answer: $(cat "$agreement/errors")"
  fi
  printf %s "${answer#*$'\n'}"
  return "${answer%%$'\n'*}"
}

# remember_policy MANIFEST|host: what explain is to judge by. A copy beside it, for tests write the next one over it.
remember_policy() {
  local copy=$1
  mkdir -p "$agreement"
  if [ "$1" != host ]; then
    copy=$(dirname "$(readlink -f "$1")")/.in-force.json
    cp "$1" "$copy"
  fi
  echo "$copy" >"$agreement/policy"
}

# compare_events: those that are there and belong to no case. Before a policy changes, for explain knows the new one only.
compare_events() { [ -z "$explains" ] || [ ! -e "$agreement/policy" ] || agree rest; }

# compare_with_explain STATUS NAME COMMAND...: of a command that has ended.
compare_with_explain() {
  [ -e "$agreement/policy" ] || return 0
  agree case "$@" || fail "explain and the kernel differ: $2"
}

# explain_process STATUS NAME PID: explain says of a process that is there what bpf(2) has told it.
explain_process() { agree process "$@" && pass "explain agrees: $2" || fail "explain and the kernel differ: $2"; }

declare -A started
# start NAME ANSWER COMMAND...: in the background. It asks bpf(2), which must answer so, and so must explain; and it asks again
# when the file "go" appears.
start() {
  local name=$1 answer=$2
  shift 2
  "$@" go >"$name.asked" & started[$name]=$!
  for _ in $(seq 200); do grep -q asked "$name.asked" && break; sleep 0.1; done
  grep -q "asked $answer" "$name.asked" || fail "$name was to be told $answer at first: $(cat "$name.asked")"
  [ ! -e "$agreement/policy" ] || explain_process "$answer" "a running process: $name" "${started[$name]}"
}
# ended NAME STATUS WHAT
ended() {
  local status
  wait "${started[$1]}"
  status=$?
  [ $status = "$2" ] && pass "$3" || fail "$3: status $status"
}

# start_held NAME WITNESS: asks all the time, is answered, and stays when it is refused: it ends by saying how often it has asked,
# and the pipe it says that to is full. So one can look at a process that has just been refused.
start_held() {
  mkfifo "$1.pipe"
  exec {pipe}<>"$1.pipe"
  "$2" keep-asking go >"$1.pipe" & started[$1]=$!
  read -r -t 60 -u "$pipe" line
  [ "$line" = "asked 0" ] && pass "$1: a running loader is allowed" || fail "$1 was to be allowed at first: $line"
  dd if=/dev/zero of="$1.pipe" bs=4096 oflag=nonblock 2>/dev/null
  [ ! -e "$agreement/policy" ] || explain_process 0 "$1, which asks all the time" "${started[$1]}"
}
# expect_mark_gone NAME WHAT: it has asked, was refused, has nothing left, and has ended by it.
expect_mark_gone() {
  local gone=''
  for _ in $(seq 100); do
    # It sleeps in the pipe then; until then it runs.
    grep -q '^State:.S' "/proc/${started[$1]}/status" && gone=1 && break
    sleep 0.1
  done
  [ -n "$gone" ] || fail "$2: it asks on"
  explain_process 1 "$1, refused" "${started[$1]}"
  expect_output '^loader 0 granted 0$' "$2: its mark is gone" mark_of "${started[$1]}"
  cat <&"$pipe" >/dev/null & local reader=$!
  ended "$1" 1 "$2"
  kill $reader
  wait $reader 2>/dev/null
  exec {pipe}>&-
}
# mark_of PID: what the gate keeps of it.
mark_of() {
  bpfgate explain --json --manifest "$(cat "$agreement/policy")" "$1" | python3 -c 'import json, sys
mark = json.load(sys.stdin)["mark"]
print("loader", int(mark["verdict"] == "loader"), "granted", len(mark["grants"]))'
}

# events [OPTION...]: as `bpfgate events`, those included that a comparison has taken out.
events() {
  [ -e "$agreement/policy" ] || { bpfgate events "$@"; return; }
  agree rest
  touch "$agreement/pending"
  bpfgate events --from "$agreement/pending" "$@" || return
  : >"$agreement/pending"
}

# check NAME allowed|denied COMMAND...: COMMAND is a witness, or keeps its exit statuses.
check() {
  names+=("$1")
  expectations+=("$2")
  causes+=("${cannot_know:-}")
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
    [ "$1" = baseline ] || cannot_know=${causes[i]} eval "compare_with_explain $status \"\${names[i]}\" ${commands[i]}"
  done
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
  [ "$1 ${2:-}" != "bpfgate gate" ] || compare_events
  "$@" >"$work/output" 2>&1
  status=$?
  if [ "$status" = "$want" ]; then pass "$name"; else fail "$name: wanted status $want, got $status: $(cat "$work/output")"; fi
  case "$*:$status" in
    "bpfgate gate "[lsu]*" --manifest "*:0) [ "$3" = unload ] || remember_policy "$5" ;;
    *) [ -z "$explains" ] || compare_with_explain "$status" "$name" "$@" ;;
  esac
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

# expect_said PATTERN NAME: of the last expect_status, where asking again is another thing, or takes long.
expect_said() { grep -Eq -- "$1" "$work/output" && pass "$2" || fail "$2: no \"$1\" in: $(cat "$work/output")"; }

finish() {
  [ ! -e "$agreement/broken" ] || fail "agree.py gave no answer: $(cat "$agreement/errors")"
  if [ -e "$agreement/tally" ]; then agree summary || fail "explain was asked about no case, or says otherwise"; fi
  echo "$failures failed"
  [ "$failures" = 0 ]
  exit
}
