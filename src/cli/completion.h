// SPDX-License-Identifier: MIT
// Completions for shells, made from the commands and options as they are declared: there is no list to keep in step.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/app.h"

namespace bpfgate::cli {

// What a shell offers for a word that is to be typed.
struct CompletionValue {
  enum class Kind { None, Text, File, Directory, Words };
  Kind kind = Kind::None;  // None: nothing is to be typed, as after a flag
  std::string name;        // for people: FILE, N
  std::vector<std::string> words;
};

struct CompletionOption {
  std::vector<std::string> names;  // "-j", "--jobs"
  std::string description;
  CompletionValue value;
  bool repeats = false;
};

struct CompletionOperand {
  CompletionValue value;
  bool repeats = false;
};

struct CompletionCommand {
  std::string path;  // "bpfgate gate load"
  std::string name;  // "load"
  std::string summary;
  std::vector<CompletionOption> options;
  std::vector<CompletionOperand> operands;
  std::vector<CompletionCommand> commands;
};

CompletionCommand describe_for_completion(const CLI::App& program);

// The command and all below it, parents first.
std::vector<const CompletionCommand*> all_commands(const CompletionCommand& program);

std::string bash_completion(const CompletionCommand& program);
std::string zsh_completion(const CompletionCommand& program);
std::string fish_completion(const CompletionCommand& program);

// 'text', for a shell. Bash and zsh take every character between the quotes as it is; fish not the backslash.
std::string shell_quoted(std::string_view text);

// `text` with a backslash before each of `special`, and before backslashes.
std::string escaped(std::string_view text, std::string_view special);

std::string joined(const std::vector<std::string>& words, std::string_view separator);

}  // namespace bpfgate::cli
