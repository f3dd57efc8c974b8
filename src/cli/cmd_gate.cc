// SPDX-License-Identifier: MIT
#include "cli/cli.h"

namespace bpfgate::cli {

void setup_gate(CLI::App&, int&) {}

}  // namespace bpfgate::cli
