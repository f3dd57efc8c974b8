// SPDX-License-Identifier: MIT
// The subcommands of `bpfgate volume` that have files of their own.
#pragma once

#include "cli/app.h"

namespace bpfgate::cli {

void setup_volume_sign(CLI::App& parent, int& status);
void setup_volume_manifest(CLI::App& parent, int& status);

}  // namespace bpfgate::cli
