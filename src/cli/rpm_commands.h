// SPDX-License-Identifier: MIT
// The commands of `bpfgate rpm`: their options and what they do.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "base/result.h"
#include "rpm/package.h"

namespace bpfgate::cli {

void setup_rpm_sign(CLI::App& app, int& status);
void setup_rpm_inspect(CLI::App& app, int& status);

// "PKG.rpm:/usr/sbin/tool", for a terminal: a package's author may have chosen any bytes.
std::string place_in(const std::string& package, const std::string& name);

// A first look, without the content: libraries and data are rarely executable, and unpacking costs time.
bool may_be_program(const rpm::File& file);

}  // namespace bpfgate::cli
