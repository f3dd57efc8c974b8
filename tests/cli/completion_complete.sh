#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every command and every long option that --help shows is offered by every shell.
. "$(dirname "$0")/lib.sh"
# shellcheck source=shells.sh
. "$(dirname "$0")/shells.sh"

commands_of() { bpfgate "$@" --help | sed -n '/^Subcommands:$/,$ s/^  \([a-z]*\) .*/\1/p'; }
options_of() { bpfgate "$@" --help | sed -En 's/^  (-.,)?(--[a-z-]+).*/\2/p'; }

# lacks_none WHAT WANTED OFFERED
lacks_none() {
  local missing
  missing=$(comm -23 <(sort -u <<<"$2") <(sort -u <<<"$3"))
  [ -z "$missing" ] || fail "$1 does not offer: $missing" 1
}

# check COMMAND...: it, and all below it.
count=0
check() {
  local shell commands command options
  options=$(options_of "$@")
  commands=$(commands_of "$@")
  [ -n "$options" ] || fail "no options in the help of: bpfgate $*"
  for shell in bash zsh fish; do
    lacks_none "$shell: bpfgate $* --" "$options" "$(offered_by "$shell" bpfgate "$@" --)"
    lacks_none "$shell: bpfgate $*" "$commands" "$(offered_by "$shell" bpfgate "$@" '')"
  done
  : $((++count))
  for command in $commands; do check "$@" "$command"; done
}
check
[ "$count" -ge 20 ] || fail "only $count commands in the help"
