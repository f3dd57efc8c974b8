// SPDX-License-Identifier: MIT
// Which files of a package are loaders or libraries, as command-line options: by names, or by what they use.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/app.h"
#include "rpm/sign.h"

namespace bpfgate::cli {

struct RpmChoiceOptions {
  std::vector<std::string> globs;
  std::string role = "loader";
  bool by_use = false;
  bool allow_interpreter = false;
};

// Declares --files, --by-use, --role and --allow-interpreter.
void add_rpm_choice_options(CLI::App& app, RpmChoiceOptions& options);

Result<> check_usage(const RpmChoiceOptions& options);

// For one package, which is looked into: a name that is nowhere in it is an error, and so is a loader that must not be
// one. The options must outlive the choice.
Result<rpm::Choice> rpm_choice_of(const std::string& package, const RpmChoiceOptions& options);

}  // namespace bpfgate::cli
