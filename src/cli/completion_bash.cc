// SPDX-License-Identifier: MIT
#include "cli/completion.h"

namespace bpfgate::cli {
namespace {

using Kind = CompletionValue::Kind;

constexpr const char* head = R"(# Completion of bpfgate(1) for bash, made by: bpfgate completion bash

)";

// The words before the cursor say at which command it stands and whether an option waits for its value. Bash makes
// "--option=value" three words.
constexpr const char* tail = R"(
# _bpfgate_pass WORD: takes a word before the cursor into account; fails where nothing is known of what comes next.
_bpfgate_pass() {
  if [ -n "$value" ]; then
    [ "$1" = = ] || value=''
  elif [ -z "$ended" ] && [ "$1" = -- ]; then
    ended=yes
  elif [ -z "$ended" ] && [[ $1 = -* ]]; then
    _bpfgate_value "$command" "$1"
  elif [ -n "$subcommands" ]; then
    command+=" $1"
    _bpfgate_command "$command"
  else
    : $((++operands))
  fi
}

# _bpfgate_offer VALUE WORD
_bpfgate_offer() {
  case $1 in
    file) compopt -o default ;;
    directory) compopt -o dirnames ;;
    words:*) mapfile -t COMPREPLY < <(compgen -W "${1#words:}" -- "$2") ;;
  esac
}

_bpfgate() {
  local word=${COMP_WORDS[COMP_CWORD]} command=bpfgate subcommands options first others limit value='' ended='' operands=0 i
  COMPREPLY=()
  _bpfgate_command bpfgate
  for ((i = 1; i < COMP_CWORD; ++i)); do
    _bpfgate_pass "${COMP_WORDS[i]}" || return 0
  done
  [ "$word" != = ] || word=''
  if [ -n "$value" ]; then
    _bpfgate_offer "$value" "$word"
  elif [ -z "$ended" ] && [[ $word = -* ]]; then
    _bpfgate_offer "words:$options" "$word"
  elif [ -n "$subcommands" ]; then
    _bpfgate_offer "words:$subcommands" "$word"
  elif [ "$operands" = 0 ]; then
    _bpfgate_offer "$first" "$word"
  elif [ "$operands" -lt "$limit" ]; then
    _bpfgate_offer "$others" "$word"
  fi
}

complete -F _bpfgate bpfgate
)";

std::string text_of(const CompletionValue& value) {
  switch (value.kind) {
    case Kind::None:
      return "";
    case Kind::Text:
      return "text";
    case Kind::File:
      return "file";
    case Kind::Directory:
      return "directory";
    case Kind::Words:
      return "words:" + joined(value.words, " ");
  }
  return "";
}

std::string case_of(const CompletionCommand& command) {
  std::vector<std::string> subcommands;
  subcommands.reserve(command.commands.size());
  for (const CompletionCommand& child : command.commands) subcommands.push_back(child.name);
  std::vector<std::string> options;
  for (const CompletionOption& option : command.options)
    options.insert(options.end(), option.names.begin(), option.names.end());
  // One kind for the first operand and one for all others is what commands have so far.
  CompletionOperand first;
  CompletionOperand others;
  if (!command.operands.empty()) {
    first = command.operands.front();
    others = command.operands.back();
  }
  const std::string limit = others.repeats ? "1000000" : std::to_string(command.operands.size());
  return "    " + shell_quoted(command.path) + ") subcommands=" + shell_quoted(joined(subcommands, " ")) +
         " options=" + shell_quoted(joined(options, " ")) + " first=" + shell_quoted(text_of(first.value)) +
         " others=" + shell_quoted(text_of(others.value)) + " limit=" + limit + " ;;\n";
}

std::string value_cases_of(const CompletionCommand& command) {
  std::string cases;
  for (const CompletionOption& option : command.options) {
    if (option.value.kind == Kind::None) continue;
    std::vector<std::string> patterns;
    patterns.reserve(option.names.size());
    for (const std::string& name : option.names) patterns.push_back(shell_quoted(command.path + " " + name));
    cases += "    " + joined(patterns, " | ") + ") value=" + shell_quoted(text_of(option.value)) + " ;;\n";
  }
  return cases;
}

}  // namespace

std::string bash_completion(const CompletionCommand& program) {
  std::string commands;
  std::string values;
  for (const CompletionCommand* command : all_commands(program)) {
    commands += case_of(*command);
    values += value_cases_of(*command);
  }
  return head +
         ("# _bpfgate_command COMMAND: what it has; fails for what is none.\n_bpfgate_command() {\n"
          "  case $1 in\n" +
          commands + "    *) return 1 ;;\n  esac\n}\n\n") +
         "# _bpfgate_value COMMAND OPTION: what comes after the option.\n_bpfgate_value() {\n  case \"$1 $2\" in\n" +
         values + "    *) value='' ;;\n  esac\n}\n" + tail;
}

}  // namespace bpfgate::cli
