// SPDX-License-Identifier: MIT
#include "cli/completion.h"

#include <CLI/CLI.hpp>

#include "gate/events.h"
#include "manifest/vocabulary.h"

namespace bpfgate::cli {
namespace {

using Kind = CompletionValue::Kind;

struct TypeKind {
  std::string_view type;
  Kind kind;
};

// By what an option's type is called in its help. Keys and certificates may be pkcs11: URIs, which nobody completes.
constexpr TypeKind type_kinds[] = {
    {"FILE", Kind::File},
    {"KEY", Kind::File},
    {"CERT", Kind::File},
    {"DIR", Kind::Directory},
};

Kind kind_of(std::string_view type) {
  for (const TypeKind& entry : type_kinds)
    if (entry.type == type) return entry.kind;
  return Kind::Text;
}

// Words that are too many for the help.
std::vector<std::string> words_named(std::string_view type) {
  if (type == "KIND") return gate::kind_words();
  if (type == "REASON") return gate::reason_words();
  if (type == "COMMAND") return {manifest::kCommands.names.begin(), manifest::kCommands.names.end()};
  return {};
}

// CLI11 puts what validators say of themselves after the type, and CLI::IsMember says "{one,other}".
std::vector<std::string> words_of(const std::string& type) {
  size_t start = type.find(":{");
  size_t end = type.find('}', start);
  if (start == std::string::npos || end == std::string::npos) return {};
  return CLI::detail::split(type.substr(start + 2, end - start - 2), ',');
}

CompletionValue value_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) return {};  // a flag
  std::string type = option.get_type_name();
  std::string name = type.substr(0, type.find(':'));
  std::vector<std::string> words = words_of(type);
  if (words.empty()) words = words_named(name);
  Kind kind = words.empty() ? kind_of(name) : Kind::Words;
  return {kind, std::move(name), std::move(words)};
}

CompletionOption option_of(const CLI::Option& option) {
  CompletionOption result;
  for (const std::string& name : option.get_snames()) result.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) result.names.push_back("--" + name);
  result.description = option.get_description();
  result.value = value_of(option);
  result.repeats = option.get_items_expected_max() > 1;
  return result;
}

CompletionCommand command_of(const CLI::App& app, const std::string& parent) {
  CompletionCommand command;
  command.path = parent + app.get_name();
  command.name = app.get_name();
  command.summary = app.get_description();
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;  // hidden
    if (option->nonpositional())
      command.options.push_back(option_of(*option));
    else
      command.operands.push_back({value_of(*option), option->get_items_expected_max() > 1});
  }
  for (const CLI::App* child : app.get_subcommands([](const CLI::App*) { return true; }))
    command.commands.push_back(command_of(*child, command.path + " "));
  return command;
}

void append_commands(const CompletionCommand& command, std::vector<const CompletionCommand*>& list) {
  list.push_back(&command);
  for (const CompletionCommand& child : command.commands) append_commands(child, list);
}

}  // namespace

CompletionCommand describe_for_completion(const CLI::App& program) { return command_of(program, ""); }

std::vector<const CompletionCommand*> all_commands(const CompletionCommand& program) {
  std::vector<const CompletionCommand*> list;
  append_commands(program, list);
  return list;
}

std::string shell_quoted(std::string_view text) {
  std::string result = "'";
  for (char c : text) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

std::string escaped(std::string_view text, std::string_view special) {
  std::string result;
  for (char c : text) {
    if (c == '\\' || special.find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string result;
  for (const std::string& word : words) {
    if (!result.empty()) result += separator;
    result += word;
  }
  return result;
}

}  // namespace bpfgate::cli
