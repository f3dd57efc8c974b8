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
cp "$(command -v oracle)" unsigned
cp "$(command -v attack)" unsigned-attacker
cp /opt/bpfgate/last_word_example.bpf.o last_word.bpf.o
cp /opt/bpfgate/other_question.bpf.o .

# policy FILE MODE SEQUENCE [OBJECT [DIGEST]]: with the object as the extension, where one is named.
policy() {
  local extension=''
  write_manifest "$1" "$2" "$3" full inspect
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
refused "one built for another struct" "other_question.bpf.o" other.json
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
finish
