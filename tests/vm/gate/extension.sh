#!/bin/bash
# SPDX-License-Identifier: MIT
# An extension: an administrator's own program has the last word. It refuses what the policy allows, allows nothing that the
# policy refuses, is loaded by its digest alone, and is as hard to get rid of as the gate.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2
pins=/sys/fs/bpf/bpfgate
make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
signed_copy "$(command -v oracle)" oracle
signed_copy "$(command -v attack)" attacker
signed_copy "$(command -v witness)" loader
cp "$(command -v oracle)" unsigned
cp "$(command -v replace)" unsigned-replace
cp "$(command -v attack)" unsigned-attacker
cp /opt/bpfgate/last_word_example.bpf.o last_word.bpf.o
cp /opt/bpfgate/other_question.bpf.o /opt/bpfgate/consenting.bpf.o .
signed_copy "$(command -v witness)" witness
signed_copy "$(command -v bpftool)" administrator admins
cp "$(command -v oracle)" sealed-only
cp /opt/bpfgate/wish.bpf.o .
seal sealed-only

# policy FILE MODE SEQUENCE [OBJECT [DIGEST]]: with the object as the extension, where one is named.
policy() {
  local extension=''
  write_manifest "$1" "$2" "$3" full "${default:-inspect}"
  [ $# -lt 4 ] && return
  extension="\"extension\": {\"path\": \"$4\", \"digest\": \"sha256:${5:-$(sha256sum "$4" | cut -d ' ' -f 1)}\"}"
  sed -i "s|\"signers\"|$extension, \"signers\"|" "$1"
}
because() {
  events | tail -1 >event
  grep -q "$1" event && pass "the event says why: $1" || fail "no $1 in: $(cat event)"
}
load_program() { "$1" call prog_load program_type=socket_filter "${@:2}"; }
unload() { bpfgate gate unload || die "gate unload"; }

# --- Without it.
policy without.json enforce 1
load_gate without.json
expect_status 0 "without: a program of the operator: allowed" load_program ./oracle
expect_status 0 "without: a program of another user: allowed" load_program ./oracle uid=1000
expect_status 0 "without: a map of another user: allowed" ./oracle call map_create map_type=hash uid=1000
expect_status 1 "without: a program by nobody's loader: denied" load_program ./unsigned
policy with.json enforce 2 last_word.bpf.o
expect_status 1 "an update cannot bring one" bpfgate gate update --manifest with.json
expect_output "the gate was loaded with another extension" "and says so" bpfgate gate update --manifest with.json
unload

# --- What is not loaded, and leaves no gate behind.
refused() {
  expect_output "$2" "$1: refused" bpfgate gate load --manifest "$3"
  [ -e $pins ] || [ -e $pins-loading ] && fail "$1: something was left in $(ls -d $pins*)"
  expect_status 0 "$1: there is no gate" load_program ./unsigned
}
cp last_word.bpf.o changed.bpf.o
policy changed.json enforce 2 changed.bpf.o
printf x >>changed.bpf.o
refused "a file that has changed" "its digest is sha256:" changed.json
policy missing.json enforce 2 missing.bpf.o "$(printf '%064d' 1)"
refused "a file that is not there" "missing.bpf.o: No such file" missing.json
policy other.json enforce 2 other_question.bpf.o
refused "one built for another struct" "it has no struct gate_question_1" other.json
cp /opt/bpfgate/gate.bpf.o whole.bpf.o
policy whole.json enforce 2 whole.bpf.o
refused "an object with more than one program" "it has not one program" whole.json

# --- With it, auditing.
policy audit.json audit 2 last_word.bpf.o
load_gate audit.json
expect_status 0 "audit: a program of another user: allowed" load_program ./oracle uid=1000
because 'would-refuse extension-refused prog_load'
# While the gate only audits, everybody may look.
program_id=$(bpftool prog list | sed -n 's/^\([0-9]*\):.*name last_word .*/\1/p')
link_id=$(bpftool link list | sed -n "s/^\([0-9]*\):.*prog $program_id .*/\1/p")
map_id=$(bpftool map list | sed -n 's/^\([0-9]*\):.*name last_wor.rodata .*/\1/p')
[ -n "$program_id" ] && [ -n "$link_id" ] && [ -n "$map_id" ] || die "ids: program $program_id, link $link_id, map $map_id"
expect_status 0 "audit: a descriptor of its program by the id: allowed" ./attacker program-by-id "$program_id"
expect_status 0 "audit: a descriptor of its link by the id: allowed" ./attacker link-by-id "$link_id"
expect_status 0 "audit: a descriptor of its map by the id: allowed" ./attacker map-by-id "$map_id"


# --- With it.
policy with.json enforce 3 last_word.bpf.o
update_gate with.json
expect_status 0 "with: a program of the operator: allowed" load_program ./oracle
expect_status 1 "with: a program of another user: denied" load_program ./oracle uid=1000
because ' refused extension-refused prog_load .*rule=full'
expect_status 1 "with: an attachment of another user: denied" ./oracle call link_create attach_type=xdp uid=1000
expect_status 0 "with: a map of another user: allowed" ./oracle call map_create map_type=hash uid=1000
expect_status 1 "with: what it does not object to, by nobody's loader: denied" ./unsigned call map_create map_type=hash
because ' refused no-signature\| refused not-sealed'
expect_status 0 "with: what everybody may: allowed" ./unsigned call map_get_next_id
expect_status 0 "with: bpfgate itself is not asked about" bpfgate gate status
expect_output "last word: an extension, sha256:$(sha256sum last_word.bpf.o | cut -d ' ' -f 1)" "status names it" bpfgate gate status
expect_output "last word an extension, sha256:" "explain names it" bpfgate explain --manifest with.json ./oracle

# --- It stays.
policy without.json enforce 4
expect_status 1 "an update cannot take it away" bpfgate gate update --manifest without.json
policy another.json enforce 4 other_question.bpf.o
expect_status 1 "an update cannot bring another" bpfgate gate update --manifest another.json
policy with.json enforce 4 last_word.bpf.o
expect_status 0 "an update that keeps it goes through" bpfgate gate update --manifest with.json
expect_status 1 "after an update: a program of another user: denied" load_program ./oracle uid=1000
expect_status 1 "its pin unlinked: denied" ./unsigned-attacker unlink $pins/links/last_word
expect_status 1 "its pin unlinked by a loader: denied" ./attacker unlink $pins/links/last_word
expect_status 1 "its link got from its pin, and detached: denied" ./attacker detach-link $pins/links/last_word
expect_status 1 "a descriptor of its program by the id: denied" ./attacker program-by-id "$program_id"
expect_status 1 "a descriptor of its link by the id: denied" ./attacker link-by-id "$link_id"
expect_status 1 "a descriptor of its map by the id: denied" ./attacker map-by-id "$map_id"
expect_status 1 "after all that: a program of another user: denied" load_program ./oracle uid=1000
expect_status 0 "after all that: the gate is complete" bpfgate gate status

# --- It goes with the gate.
unload
expect_status 0 "taken away with the gate" load_program ./oracle uid=1000

# --- Lost while the gate only audits, which guards nothing.
load_gate audit.json
expect_status 0 "audit: its pin unlinked: allowed" ./attacker unlink $pins/links/last_word
policy with.json enforce 3 last_word.bpf.o
update_gate with.json
expect_status 1 "without its link: what it would not have refused: denied" ./oracle call map_create map_type=hash uid=1000
because ' refused extension-refused map_create .*rule=full'
expect_output "last_word" "without its link: status tells what is missing" bpfgate gate status
unload

# --- Another one in its place, while the gate only audits.
load_gate audit.json
gate_id=$(bpftool prog list | sed -n 's/^\([0-9]*\): lsm  name gate_bpf.*/\1/p')
expect_status 0 "audit: its pin unlinked, to make room: allowed" ./attacker unlink $pins/links/last_word
expect_status 0 "audit: somebody's program in its place: allowed" replace consenting.bpf.o "$gate_id" gate_last_word /sys/fs/bpf/foreign
expect_status 1 "somebody's program in the place of the extension: refused" bpfgate gate update --manifest with.json
expect_said "puts program [0-9]+ in the place of a function of the gate" "and says so"
rm /sys/fs/bpf/foreign
expect_status 0 "audit: one that is loaded for its place, and not put there yet: allowed" \
  replace consenting.bpf.o "$gate_id" gate_last_word /sys/fs/bpf/foreign load
expect_status 1 "somebody's program for the place of the extension: refused" bpfgate gate update --manifest with.json
expect_said "BPF program [0-9]+ was loaded for the place of a function of the gate" "and says that"
rm /sys/fs/bpf/foreign
grants_id=$(bpftool map list | sed -n 's/^\([0-9]*\): array  name grants .*/\1/p')
expect_status 0 "audit: a program with a map of the gate: allowed" ./attacker share-map "$grants_id" /sys/fs/bpf/foreign
expect_status 1 "somebody's program with a map of the gate: refused" bpfgate gate update --manifest with.json
expect_said "BPF program [0-9]+ has the gate's map $grants_id" "and says which"
rm /sys/fs/bpf/foreign
expect_status 0 "audit: a program that walks over a map of the gate: allowed" ./attacker walk-map "$grants_id" /sys/fs/bpf/foreign
expect_status 1 "somebody's program that walks over a map of the gate: refused" bpfgate gate update --manifest with.json
expect_said "BPF link [0-9]+ walks over the gate's map $grants_id" "and says over which"
expect_output '"mode": "audit"' "after all of them it audits still" bpfgate gate status --json
rm /sys/fs/bpf/foreign
expect_status 0 "without them the update goes through" bpfgate gate update --manifest with.json
expect_status 1 "enforcing: somebody's program in its place: denied" ./unsigned-replace consenting.bpf.o "$gate_id" gate_last_word /sys/fs/bpf/foreign
unload

# --- What it is told of a mark.
default=full policy consenting.json enforce 2 consenting.bpf.o
load_gate consenting.json
expect_status 0 "a loader is one to it" ./loader call
expect_status 1 "a tainted loader is no loader to it" ./loader map-anonymous
because ' refused extension-refused prog_get_next_id '
expect_status 1 "what is no loader is none to it" ./unsigned call prog_get_next_id
expect_status 0 "and is not asked about otherwise" ./unsigned call map_get_next_id
unload

# --- What it is told, member by member: the extension objects to each call of which the member has not the value that is wished.
bpftool btf dump file /sys/kernel/btf/vmlinux >types || die "the kernel's types"
id_of() { sed -n "s/^\[\([0-9]*\)\] FUNC '$1' .*/\1/p" types; }
vfs_read=$(id_of vfs_read)
[ -n "$vfs_read" ] || die "no id of vfs_read"
none=$((0xffffffff)) unknown=64 # GATE_QUESTION_*

# wish MEMBER VALUE: written by an administrator into the extension's data, of which nobody else gets hold.
wish() {
  local bytes
  bytes=$(python3 - "$@" <<'PYTHON'
import struct, sys

members = ["command", "program_type", "map_type", "attach_type", "target", "by_kernel", "pid", "tgid", "uid", "gid", "verdict",
           "reason", "generation", "grant"]
member, value = sys.argv[1:]
number, name = (0, value.encode()) if member == "grant" else (int(value), b"")
print(*(f"{byte:02x}" for byte in struct.pack("<QQ64s", members.index(member), number, name)))
PYTHON
  )
  # shellcheck disable=SC2086 # words
  ./administrator map update id "$data" key hex 00 00 00 00 value hex $bytes || die "wish $*"
  wished="$1 $2"
}
told() { expect_status 0 "told $wished: $1: allowed" "${@:2}"; }
not_told() {
  expect_status 1 "told $wished: $1: denied" "${@:2}"
  because ' refused extension-refused'
}
policy wished.json enforce 1 wish.bpf.o
load_gate wished.json
data=$(./administrator map list | sed -n 's/^\([0-9]*\):.*name last_wor\.data .*/\1/p')
[ -n "$data" ] || die "no data of the extension in: $(./administrator map list)"
expect_status 1 "before anything is wished: denied" ./oracle call map_create map_type=hash
fentry() { ./oracle call prog_load program_type=tracing attach_type=trace_fentry function="$1"; }

wish command 0 # BPF_MAP_CREATE
told "a map" ./oracle call map_create map_type=hash
not_told "types" ./oracle call btf_load
wish program_type 2 # BPF_PROG_TYPE_KPROBE
told "a kprobe" ./oracle call prog_load program_type=kprobe
not_told "xdp" ./oracle call prog_load program_type=xdp
not_told "what is no program" ./oracle call map_create map_type=hash
wish program_type $none
told "what is no program" ./oracle call map_create map_type=hash
not_told "a socket filter" load_program ./oracle
wish map_type 1 # BPF_MAP_TYPE_HASH
told "a hash" ./oracle call map_create map_type=hash
not_told "an array" ./oracle call map_create map_type=array
not_told "what is no map" load_program ./oracle
wish map_type $none
told "what is no map" load_program ./oracle
not_told "an array" ./oracle call map_create map_type=array
wish attach_type 37 # BPF_XDP
told "a link by xdp" ./oracle call link_create attach_type=xdp
not_told "a link by tcx" ./oracle call link_create attach_type=tcx_ingress
not_told "what attaches nothing" ./oracle call map_create map_type=hash
wish attach_type 24 # BPF_TRACE_FENTRY
told "a program for fentry" fentry vfs_read
not_told "one for fexit" ./oracle call prog_load program_type=tracing attach_type=trace_fexit function=vfs_read
wish attach_type $unknown
told "a way to attach that no kernel has" ./oracle call link_create attach_number=1000
not_told "one that there is" ./oracle call link_create attach_type=xdp
wish target "$vfs_read"
told "a program for vfs_read" fentry vfs_read
not_told "one for vfs_write" fentry vfs_write
not_told "one that does not say what for" ./oracle call prog_load program_type=kprobe
wish target 0
told "a program that does not say what for" ./oracle call prog_load program_type=kprobe
not_told "one for vfs_read" fentry vfs_read
wish by_kernel 0
told "a call of its own" ./oracle call map_create map_type=hash
wish by_kernel 1
not_told "a call of its own" ./oracle call map_create map_type=hash
wish uid 1000
told "that user" ./oracle call map_create map_type=hash uid=1000
not_told "root" ./oracle call map_create map_type=hash
wish gid 8
told "that group" ./oracle call map_create map_type=hash gid=8
not_told "that group as another one of his" ./oracle call map_create map_type=hash gid=9 gid=8

# Numbers of processes that are there already, and become loaders when they are told to.
mkfifo start
becoming() { # COMMAND...: sets $becoming
  # shellcheck disable=SC2016 # for the other shell
  bash -c 'read -r <start && exec "$@"' become "$@" &
  becoming=$!
}
become() {
  echo now >start
  wait "$becoming"
}
becoming ./witness thread
wish tgid "$becoming"
told "a thread of that process" become
not_told "a thread of another process" ./witness thread
becoming ./witness thread
wish pid "$becoming"
not_told "another thread of that process" become
becoming ./witness call
wish pid "$becoming"
told "that thread" become
not_told "another process" ./witness call

# Who asks, and who lets him: everybody may list maps, loaders may do all.
maps=(call map_get_next_id)
wish verdict 1 # GATE_VERDICT_LOADER
told "a loader" ./oracle "${maps[@]}"
not_told "an unsigned program" ./unsigned "${maps[@]}"
wish verdict 3 # GATE_VERDICT_NO_EVIDENCE
told "an unsigned program" ./unsigned "${maps[@]}"
not_told "a loader" ./oracle "${maps[@]}"
wish reason 2 # GATE_REASON_SIGNATURE
told "a loader" ./oracle "${maps[@]}"
not_told "an unsigned program" ./unsigned "${maps[@]}"
wish reason 16 # GATE_REASON_NOT_SEALED
told "a program that is not sealed" ./unsigned "${maps[@]}"
not_told "one that is sealed and not signed" ./sealed-only "${maps[@]}"
wish reason 17 # GATE_REASON_NO_SIGNATURE
told "a program that is sealed and not signed" ./sealed-only "${maps[@]}"
not_told "one that is not sealed" ./unsigned "${maps[@]}"
wish grant full
told "a loader" ./oracle "${maps[@]}"
not_told "what everybody may" ./unsigned "${maps[@]}"
wish grant inspect
told "what everybody may" ./unsigned "${maps[@]}"
not_told "a loader, whose own grant is asked first" ./oracle "${maps[@]}"
wish grant ful
not_told "the beginning of a name" ./oracle "${maps[@]}"
generation_in_force() { bpfgate gate status --json | sed -n 's/^ *"generation": \([0-9]*\),$/\1/p'; }
first=$(generation_in_force)
wish generation "$first"
told "the first policy" ./oracle "${maps[@]}"
policy wished.json enforce 2 wish.bpf.o
update_gate wished.json
not_told "the second policy" ./oracle "${maps[@]}"
second=$(generation_in_force)
[ "$second" != "$first" ] && pass "it is of another generation" || fail "two policies are of generation $first"
wish generation "$second"
told "the second policy" ./oracle "${maps[@]}"
# Whom it does not object to does not get at what it goes by.
wish command 14 # BPF_MAP_GET_FD_BY_ID
expect_status 1 "a descriptor of its data by the id: denied" ./attacker map-by-id "$data"
because ' refused guarded-map'
unload
finish
