# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced after lib.sh by tests of completions: what a shell offers for the last of the words typed so far.

for shell in bash zsh fish; do "$BPFGATE" completion "$shell" >"script.$shell" || fail "bpfgate completion $shell"; done
mkdir functions
cp script.zsh functions/_bpfgate

# offered_by SHELL WORD...: what is offered, one a line. The first word is bpfgate; the last one is being typed, and may be
# empty. Files and directories are "<files>" and "<directories>".
offered_by() { "offered_by_$1" "${@:2}"; }

# The package bash-completion is not there, and the shell's own files are nobody's business.
offered_by_bash() {
  bash --norc --noprofile -c '
    compopt() { case $* in "-o default") echo "<files>" ;; "-o dirnames") echo "<directories>" ;; esac; }
    source ./script.bash
    COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
    _bpfgate
    [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"' - "$@"
}

# zsh completes only for a terminal. One has it all the time; each question is typed, and it notes what compadd was given.
offered_by_zsh() {
  local answer
  printf '%s\n' "${*:1:$#-1} ${*: -1}" >&8
  while IFS= read -r -t 60 answer <&9; do
    [ "$answer" != . ] || return 0
    printf '%s\n' "$answer"
  done
  fail "zsh does not answer: $(cat .zsh.err)" 2
}
cat >ask.zsh <<'ZSH'
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell '
  PROMPT= fpath=($PWD/functions $fpath)
  autoload -Uz compinit && compinit -D -u
  setopt no_beep no_list_beep
  _files() {
    if [[ $PREFIX = -* ]]; then return 1; fi
    if [[ " $* " = *" -/ "* ]]; then print -r "<directories>"; else print -r "<files>"; fi >>offered
  }
  compadd() {
    if [[ " $* " != *" -"[OAD]" "* ]]; then
      local -a fitting
      builtin compadd -A fitting "$@"
      [ $#fitting = 0 ] || print -rl -- $fitting >>offered
    fi
    builtin compadd "$@"
  }
  answer() { zle list-choices; BUFFER=; : >answered; }
  zle -N answer
  bindkey "^X" answer
  : >answered'
# What it shows must be read, or it stops when the terminal is full.
wait_for_answer() {
  repeat 2500; do
    while zpty -r -t shell shown; do :; done
    [ -e answered ] && return
    sleep 0.02
  done
  print -u2 "nothing for: $typed"
  exit 1
}
wait_for_answer
while IFS= read -r typed; do
  rm -f offered answered
  zpty -w -n shell "$typed"$'\C-x'
  wait_for_answer
  [ ! -e offered ] || sort -u offered
  print -r .
done
ZSH
mkfifo questions answers
zsh -f ./ask.zsh <questions >answers 2>.zsh.err &
exec 8>questions 9<answers

# Where there is one file, which stands for all.
mkdir one
touch one/file
offered_by_fish() {
  HOME=$PWD fish --no-config -c '
    function __fish_complete_directories; echo "<directories>"; end
    source ./script.fish
    cd one
    complete -C "$argv[1]" | string replace -r "\t.*" "" | string replace -r "^file\$" "<files>"
    true # even if nothing was replaced' "$*"
}
