#!/bin/bash
# SPDX-License-Identifier: MIT
# Signed programs: light skeletons that the kernel's own bpftool made and signed (see ../signed), who may load them, and all that
# may not be done on the strength of that.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2
mkdir -p keys
cp /opt/bpfgate/signed/*.pem /opt/bpfgate/signed/*.key keys/
make_key libraries
use_signed_bpfgate
explain_each_status
for signer in programs loaders strangers; do cp /opt/bpfgate/signed/skeleton-$signer .; done
signed_copy "$(command -v oracle)" oracle
signed_copy /opt/bpfgate/signed/skeleton-programs holder
cp "$(command -v oracle)" unsigned
status() { bpfgate gate status --json | python3 -c "import json, sys; print(json.load(sys.stdin)$1)"; }
keyring_of() { printf %d "$(awk -v name="bpfgate:$1:" '$8 == "keyring" && index($9, name) == 1 { print "0x" $1 }' /proc/keys)"; }

sequence=0
# under DEFAULT [GRANTS [GRANT-OF-LOADERS [strangers]]]: with the last, they are signers of programs as well.
unused='"unused": {"commands": []}'
under() {
  sequence=$((sequence + 1))
  cat >policy.json <<JSON
{"bpfgate": 1, "name": "test", "sequence": $sequence, "mode": "enforce",
 "signers": [
   {"name": "loaders", "role": "loader", "certificate": "$keys/loaders.pem", "grant": "${3:-full}"},
   {"name": "admins", "role": "loader", "certificate": "$keys/admins.pem", "grant": "admin"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"},
   {"name": "programs", "role": "program", "certificate": "$keys/programs.pem"},
   {"name": "others", "role": "program", "certificate": "$keys/strangers.pem"}],
 "grants": {${2:-$unused}}, "default": {"grant": $1}}
JSON
  [ "${4:-}" = strangers ] || sed -i -e '/"others"/d' -e 's/programs.pem"},/programs.pem"}],/' policy.json
  if [ $sequence = 1 ]; then load_gate policy.json 2>warnings; else update_gate policy.json 2>warnings; fi
  programs=$(keyring_of programs)
  [ "$programs" != 0 ] || die "no keyring: $(cat /proc/keys)"
  events >/dev/null
}
because() {
  events | tail -1 >event
  grep -q "$1" event && pass "the event says why: $1" || fail "no $1 in: $(cat event)"
}

expected=0 answer=allowed
may_not() { expect_status $expected "$1: $answer" ./unsigned call "${@:2}"; }
# What a grant for signed programs has commands for, but not so; and some that it has not.
may_not_alone() {
  may_not "a map that every program may use" map_create map_type=hash
  may_not "an array that every program may use" map_create map_type=array
  may_not "a loader without a signature" prog_load program_type=syscall
  may_not "another program without a signature" prog_load program_type=socket_filter
  may_not "what is no map written" map_update_elem
  may_not "what is no map frozen" map_freeze
  may_not "what is no map looked at" obj_get_info_by_fd
  may_not "what is no program run" prog_run
  may_not "what is no program attached" raw_tracepoint_open
  may_not "what is no program attached by a link" link_create attach_type=trace_iter
  may_not "a command that loading does not take" map_lookup_elem
  may_not "another command that loading does not take" btf_load
}

# --- Without the gate: what the kernel does by itself.
for certificate in programs strangers; do
  expect_status 0 "a keyring with the certificate of $certificate" keyctl padd asymmetric cert \
    "$(keyctl newring own-$certificate @u)" </opt/bpfgate/signed/$certificate.der
done
may_not_alone
expected=1 answer=denied
own=$(keyctl search @u keyring own-programs)
./skeleton-programs load "$own" >"$work/output" 2>&1
status=$?
if [ $status = 3 ]; then
  # Linux before 6.18 knows no such thing; before 7.2 it does not say whose signature it has verified.
  pass "this kernel knows no signed programs: $(cat "$work/output")"
  under '"signed-programs-only"'
  cat warnings
  grep -q 'grants for signed programs allow nothing' warnings && pass "which is a warning" || fail "no warning: $(cat warnings)"
  expect_status 1 "a signed skeleton, where nobody can say who signed it: denied" ./skeleton-programs load "$programs"
  may_not_alone
  expect_status 0 "a loader is not concerned" ./oracle call prog_load program_type=syscall
  finish
fi
[ $status = 0 ] || die "status $status: $(cat "$work/output")"
# The loader, up to Linux 7.2; the kernel, later.
bad_data='Invalid argument|Key was rejected'
expect_status 0 "baseline: loaded and attached" ./skeleton-programs attach "$own"
expect_status 0 "baseline: without its signature" ./skeleton-programs unsigned
expect_status 0 "baseline: by a keyring of one's own" ./skeleton-strangers own /opt/bpfgate/signed/strangers.der
expect_status 3 "baseline: data changed, the loader or the kernel refuses" ./skeleton-programs changed "$own"
expect_output "$bad_data" "baseline: it says so" ./skeleton-programs changed "$own"
expect_status 3 "baseline: instructions changed, the kernel refuses" ./skeleton-programs corrupt "$own"
expect_status 0 "baseline: by a process with two threads" ./skeleton-programs thread "$own"
expect_status 0 "baseline: an unsigned program run after it" ./skeleton-programs after "$own"
expect_status 0 "baseline: an inherited program run" ./skeleton-programs with loader ./skeleton-programs run
expect_status 0 "baseline: an inherited map written" ./skeleton-programs with map ./skeleton-programs update
expect_status 0 "baseline: an inherited map frozen" ./skeleton-programs with map ./skeleton-programs freeze
expect_status 0 "baseline: an inherited map looked at" ./skeleton-programs with map ./skeleton-programs info
expect_status 0 "baseline: an inherited program attached" ./skeleton-programs with tracing ./skeleton-programs attach-it

# --- Everybody may load signed programs.
under '"signed-programs-only"'
grep -q warning warnings && fail "warnings: $(cat warnings)"
expect_status 0 "a signed skeleton is loaded" ./skeleton-programs load "$programs"
expect_status 0 "it is loaded, attached, and runs" ./skeleton-programs attach "$programs"
[ "$(status '["policy"]["program_keyrings"]["programs"]')" = "$programs" ] && pass "the status says by which keyring" ||
  fail "status: $(bpfgate gate status --json)"
expect_status 0 "by a thread with descriptors of its own" ./skeleton-programs thread-apart "$programs"
expect_status 1 "by a thread that shares them: denied" ./skeleton-programs thread "$programs"
events >/dev/null
expect_status 1 "without its signature: denied" ./skeleton-programs unsigned
because 'program-not-signed prog_load syscall'
expect_status 1 "a keyring of one's own, with a certificate of one's own: denied" \
  ./skeleton-strangers own /opt/bpfgate/signed/strangers.der
because 'program-not-signed prog_load syscall'
expect_status 1 "a keyring of one's own, with the signer's certificate: denied" ./skeleton-programs load "$own"
expect_status 1 "signed by a signer of loaders, against their keyring: denied" ./skeleton-loaders load "$(keyring_of loaders)"
because 'program-not-signed prog_load syscall'
expect_status 3 "signed by a stranger, against the signer's keyring: the kernel refuses" ./skeleton-strangers load "$programs"
expect_output 'Required key not available' "it says so" ./skeleton-strangers load "$programs"
expect_status 3 "instructions changed: the kernel refuses" ./skeleton-programs corrupt "$programs"
expect_status 3 "data changed: the loader or the kernel refuses" ./skeleton-programs changed "$programs"
expect_output "$bad_data" "it says that it is for the data" ./skeleton-programs changed "$programs"
may_not_alone

# Descriptors that somebody else has made.
inherited() { expect_status 1 "$1: denied" ./holder with "$2" ./skeleton-programs "$3"; }
inherited "an inherited loader run" loader run
inherited "an inherited map written" map update
inherited "an inherited map frozen" map freeze
inherited "an inherited map looked at" map info
inherited "an inherited program attached" tracing attach-it
expect_status 0 "control: the same by a loader that may: run" ./holder with loader ./holder run
expect_status 0 "control: the same by a loader that may: update" ./holder with map ./holder update

# The keyring is searched for verifying only.
expect_status 0 "control: one of one's own can be invalidated" keyctl invalidate "$own"
expect_status 1 "the keyring cannot be invalidated" keyctl invalidate "$programs"
expect_status 1 "nor linked" keyctl link "$programs" @s
expect_status 1 "nor added to" keyctl padd asymmetric mine "$programs" </opt/bpfgate/signed/strangers.der
expect_status 0 "it is still good" ./skeleton-programs load "$programs"

# A process that may run any program of this type, but load nothing else by it: also after it has run a signed one.
under '"signed-programs-only"' '"runner": {"commands": ["prog_load", "prog_run"], "program_types": ["syscall"]}' runner
expect_status 1 "what an unsigned program asks the kernel for: denied" ./holder with loader ./holder run
because 'map_create'
expect_status 1 "after a signed one has run, the same: denied" ./holder after "$programs"
expect_status 0 "a signed one, by the same process: allowed" ./holder attach "$programs"

# A keyring goes with its policy.
before=$programs
under '"signed-programs-only"'
expect_status 3 "by the keyring of the policy before: the kernel refuses" ./skeleton-programs load "$before"
expect_status 0 "by that of this one" ./skeleton-programs load "$programs"
under '["unused"]'
expect_status 1 "nobody has the grant: denied" ./skeleton-programs load "$programs"
expect_status 0 "but a loader whose grant allows it all" ./holder attach "$programs"

# Grants of one's own: whose programs, and to whom.
under '"its"' '"its": {"commands": "any", "signed_by": ["programs"]}' full strangers
expect_status 0 "of a signer that the grant names" ./skeleton-programs attach "$programs"
expect_status 1 "of a signer that it does not name: denied" ./skeleton-strangers load "$(keyring_of others)"
because 'program-not-signed prog_load syscall'
under '"its"' '"its": {"commands": "any", "signed_by": "any", "when": {"uids": [1000]}}' full strangers
expect_status 1 "another user: denied" ./skeleton-strangers load "$(keyring_of others)"
because 'condition-not-met'
under '"its"' '"its": {"commands": "any", "signed_by": "any"}' full strangers
expect_status 0 "of any signer of programs" ./skeleton-strangers attach "$(keyring_of others)"
finish
