// SPDX-License-Identifier: MIT
#include "cli/completion.h"

namespace bpfgate::cli {
namespace {

using Kind = CompletionValue::Kind;

constexpr const char* head = R"(# Completion of bpfgate(1) for fish, made by: bpfgate completion fish

# __bpfgate_at COMMAND [LIMIT]: whether the cursor stands at that command, with fewer operands than LIMIT before it.
function __bpfgate_at
)";

constexpr const char* rest_of_function = R"(    set -l at bpfgate
    set -l operands 0
    set -l takes_value no
    set -l words (commandline -opc)
    set -e words[1]
    for word in $words
        if test $takes_value = yes
            set takes_value no
        else if contains -- "$at $word" $valued
            set takes_value yes
        else if string match -q -- '-*' $word
            continue
        else if contains -- $at $groups
            set at "$at $word"
        else
            set operands (math $operands + 1)
        end
    end
    test $at = $argv[1]; or return 1
    set -q argv[2]; or return 0
    test $operands -lt $argv[2]
end

complete -c bpfgate -f
)";

std::string fish_quoted(std::string_view text) { return shell_quoted(escaped(text, "")); }

std::string rule_at(const CompletionCommand& command, const std::string& limit = "") {
  return "complete -c bpfgate -n " + fish_quoted("__bpfgate_at " + fish_quoted(command.path) + limit);
}

// What may be typed there. -x: a value, and no files; -r: a value; -F: files.
std::string value_of(const CompletionValue& value, bool is_option) {
  switch (value.kind) {
    case Kind::None:
      return "";
    case Kind::Text:
      return is_option ? " -x" : "";
    case Kind::File:
      return is_option ? " -r -F" : " -F";
    case Kind::Directory:
      return std::string(is_option ? " -x" : "") + " -a '(__fish_complete_directories)'";
    case Kind::Words:
      return std::string(is_option ? " -x" : "") + " -a " + fish_quoted(joined(value.words, " "));
  }
  return "";
}

std::string rule_of(const CompletionCommand& command, const CompletionOption& option) {
  std::string rule = rule_at(command);
  for (const std::string& name : option.names)
    rule += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  return rule + value_of(option.value, true) + " -d " + fish_quoted(option.description) + "\n";
}

std::string rules_of(const CompletionCommand& command) {
  std::string rules = "\n";
  for (const CompletionCommand& child : command.commands)
    rules += rule_at(command) + " -a " + fish_quoted(child.name) + " -d " + fish_quoted(child.summary) + "\n";
  for (const CompletionOption& option : command.options) rules += rule_of(command, option);
  size_t number = 0;
  for (const CompletionOperand& operand : command.operands) {
    const std::string limit = " " + std::to_string(++number);
    rules += rule_at(command, operand.repeats ? "" : limit) + value_of(operand.value, false) + "\n";
  }
  return rules;
}

// The lists that __bpfgate_at() walks by: commands with others below them, and options that take a value.
std::string lists_of(const std::vector<const CompletionCommand*>& commands) {
  std::string groups;
  std::string valued;
  for (const CompletionCommand* command : commands) {
    if (!command->commands.empty()) groups += " " + fish_quoted(command->path);
    for (const CompletionOption& option : command->options) {
      if (option.value.kind == Kind::None) continue;
      for (const std::string& name : option.names) valued += " \\\n        " + fish_quoted(command->path + " " + name);
    }
  }
  return "    set -l groups" + groups + "\n    set -l valued" + valued + "\n";
}

}  // namespace

std::string fish_completion(const CompletionCommand& program) {
  std::vector<const CompletionCommand*> commands = all_commands(program);
  std::string text = head + lists_of(commands) + rest_of_function;
  for (const CompletionCommand* command : commands) text += rules_of(*command);
  return text;
}

}  // namespace bpfgate::cli
