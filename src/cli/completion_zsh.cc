// SPDX-License-Identifier: MIT
#include <algorithm>

#include "cli/completion.h"

namespace bpfgate::cli {
namespace {

using Kind = CompletionValue::Kind;

constexpr const char* head = R"(#compdef bpfgate
# Completion of bpfgate(1) for zsh, made by: bpfgate completion zsh
)";

// Found in $fpath this file is the body of the function; sourced it is not.
constexpr const char* tail = R"(
if [ "$funcstack[1]" = _bpfgate ]; then
  _bpfgate "$@"
else
  compdef _bpfgate bpfgate
fi
)";

// How _arguments takes text: a colon ends a field, a bracket the description.
std::string field(std::string_view text) { return escaped(text, ":[]"); }

std::string function_of(const CompletionCommand& command) {
  std::string name = "_" + command.path;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

// ":MESSAGE:ACTION"
std::string value_of(const CompletionValue& value) {
  switch (value.kind) {
    case Kind::None:
      return "";
    case Kind::Text:
      return ":" + field(value.name) + ": ";
    case Kind::File:
      return ":" + field(value.name) + ":_files";
    case Kind::Directory:
      return ":" + field(value.name) + ":_files -/";
    case Kind::Words:
      return ":" + field(value.name) + ":(" + joined(value.words, " ") + ")";
  }
  return "";
}

// With a value: "-j+" takes it in the same word or the next, "--jobs=" in the next or after the sign.
std::string spelled(const std::string& name, bool has_value) {
  if (!has_value) return name;
  return name + (name.starts_with("--") ? "=" : "+");
}

// One specification for each name; whichever is given excludes the others.
std::string specifications_of(const CompletionOption& option) {
  std::string before = option.repeats ? "*" : "(" + joined(option.names, " ") + ")";
  std::string text;
  for (const std::string& name : option.names)
    text += " \\\n    " + shell_quoted(before + spelled(name, option.value.kind != Kind::None) + "[" +
                                       field(option.description) + "]" + value_of(option.value));
  return text;
}

std::string options_of(const CompletionCommand& command) {
  std::string text;
  for (const CompletionOption& option : command.options) text += specifications_of(option);
  return text;
}

std::string leaf(const CompletionCommand& command) {
  std::string text = "  _arguments -s -S" + options_of(command);
  for (const CompletionOperand& operand : command.operands)
    text += " \\\n    " + shell_quoted((operand.repeats ? "*" : "") + value_of(operand.value));
  return text + "\n";
}

std::string group(const CompletionCommand& command) {
  std::string names;
  std::string cases;
  for (const CompletionCommand& child : command.commands) {
    names += " \\\n    " + shell_quoted(escaped(child.name, ":") + ":" + child.summary);
    cases += "        " + child.name + ") " + function_of(child) + " ;;\n";
  }
  return "  local curcontext=$curcontext state line\n  local -a commands\n  local -A opt_args\n  commands=(" + names +
         "\n  )\n  _arguments -C -S" + options_of(command) +
         " \\\n    '1: :->command' \\\n    '*:: :->rest' && return\n"
         "  case $state in\n    command) _describe -t commands command commands ;;\n    rest)\n      case $line[1] "
         "in\n" +
         cases + "        *) return 1 ;;\n      esac\n      ;;\n  esac\n";
}

}  // namespace

std::string zsh_completion(const CompletionCommand& program) {
  std::string text = head;
  for (const CompletionCommand* command : all_commands(program))
    text += "\n" + function_of(*command) + "() {\n" + (command->commands.empty() ? leaf(*command) : group(*command)) +
            "}\n";
  return text + tail;
}

}  // namespace bpfgate::cli
