// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/completion.h"
#include "cli/output.h"

namespace bpfgate::cli {
namespace {

struct Shell {
  const char* name;
  std::string (*script)(const CompletionCommand& program);
};

constexpr Shell shells[] = {
    {"bash", bash_completion},
    {"zsh", zsh_completion},
    {"fish", fish_completion},
};

std::vector<std::string> shell_names() {
  std::vector<std::string> names;
  for (const Shell& shell : shells) names.emplace_back(shell.name);
  return names;
}

Result<int> print_script(const CLI::App& program, const std::string& name) {
  for (const Shell& shell : shells)
    if (name == shell.name) std::fputs(shell.script(describe_for_completion(program)).c_str(), stdout);
  TRY(flush_output());
  return exit_good;
}

}  // namespace

void setup_completion(CLI::App& app, int& status) {
  auto shell = std::make_shared<std::string>();
  app.add_option("shell", *shell, "whose script to print")
      ->type_name("SHELL")
      ->required()
      ->check(CLI::IsMember(shell_names()));
  app.callback([shell, &app, &status] {
    Result<int> done = print_script(*app.get_parent(), *shell);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
