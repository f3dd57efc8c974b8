#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What the shells offer, asked of the shells themselves.
. "$(dirname "$0")/lib.sh"
# shellcheck source=shells.sh
. "$(dirname "$0")/shells.sh"

# offers SHELL WORDS OFFER...: exactly these, in whatever order. The last word, which is being typed, may be empty.
offers() {
  local shell=$1 words=$2 want got
  shift 2
  want=$([ $# = 0 ] || printf '%s\n' "$@" | sort -u)
  IFS=' ' read -ra words <<<"$words"
  got=$(offered_by "$shell" "${words[@]/#_/}" | sort -u)
  # Where nothing else is left, zsh offers options without being asked for them.
  if [ "$shell" = zsh ] && [[ ${words[-1]} != -* ]]; then got=$(grep -v '^-' <<<"$got" || :); fi
  [ "$got" = "$want" ] || fail "$shell offers for: ${words[*]}: $got, and not: $want" 1
}

# _ stands for a word of which nothing is typed yet.
for shell in bash zsh fish; do
  offers "$shell" 'bpfgate gate l' load
  offers "$shell" 'bpfgate gate _' boot load update seal status unload
  offers "$shell" 'bpfgate image _' seal check
  offers "$shell" 'bpfgate image seal _' '<files>'
  offers "$shell" 'bpfgate volume _' format sign verify open manifest
  offers "$shell" 'bpfgate volume verify _' '<files>'
  offers "$shell" 'bpfgate volume format --hash-alg _' sha256 sha512
  offers "$shell" 'bpfgate volume open image _'
  offers "$shell" 'bpfgate image seal one _'
  offers "$shell" 'bpfgate manifest diff one _' '<files>'
  offers "$shell" 'bpfgate manifest diff one two _'
  offers "$shell" 'bpfgate se' seal
  offers "$shell" 'bpfgate sign --rep' --reproducible
  offers "$shell" 'bpfgate manifest sign --ke' --key
  offers "$shell" 'bpfgate sign --role _' loader library
  offers "$shell" 'bpfgate sign --key k --json --role li' library
  offers "$shell" 'bpfgate sign --key _' '<files>'
  offers "$shell" 'bpfgate sign --output-dir _' '<directories>'
  offers "$shell" 'bpfgate gate load --pin-directory _' '<directories>'
  offers "$shell" 'bpfgate events --kind _' refused would-refuse tainted
  offers "$shell" 'bpfgate events --reason guarded-ma' guarded-map
  offers "$shell" 'bpfgate events --command map_cr' map_create
  offers "$shell" 'bpfgate sign -j _'
  offers "$shell" 'bpfgate seal _' '<files>'
  offers "$shell" 'bpfgate seal one _' '<files>'
  offers "$shell" 'bpfgate completion _' bash zsh fish
  offers "$shell" 'bpfgate completion bash _'
  # A value that is called like a command is none, and a command in the wrong place neither.
  offers "$shell" 'bpfgate gate load --manifest seal --forc' --force
  offers "$shell" 'bpfgate nonsense _'
  offers "$shell" 'bpfgate nonsense --'
  offers "$shell" 'bpfgate gate nonsense _'
  offers "$shell" 'bpfgate load _'
  offers "$shell" 'bpfgate doctor _'
  offers "$shell" 'bpfgate seal --salt 00 --xyz'
done
# As bash breaks up --role=li and --role=.
offers bash 'bpfgate sign --role = li' library
offers bash 'bpfgate sign --role =' loader library
offers zsh 'bpfgate sign --role=li' library
# After -- there are files only.
offers bash 'bpfgate seal -- -' '<files>'

expect 2 bpfgate completion
expect 2 bpfgate completion ksh
if [ -w /dev/full ]; then expect 1 bash -c '"$BPFGATE" completion bash >/dev/full'; fi
