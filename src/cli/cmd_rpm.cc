// SPDX-License-Identifier: MIT
#include <sys/stat.h>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/rpm_commands.h"

namespace bpfgate::cli {
namespace {

constexpr Command rpm_commands[] = {
    {"sign", "sign loaders and libraries in packages", setup_rpm_sign},
    {"inspect", "show the signatures that packages carry for their files", setup_rpm_inspect},
};

}  // namespace

std::string place_in(const std::string& package, const std::string& name) { return package + ":" + printable(name); }

bool may_be_program(const rpm::File& file) { return (file.mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0; }

void setup_rpm(CLI::App& app, int& status) {
  app.require_subcommand(1);
  for (const Command& command : rpm_commands) command.setup(*app.add_subcommand(command.name, command.summary), status);
}

}  // namespace bpfgate::cli
