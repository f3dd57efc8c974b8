// SPDX-License-Identifier: MIT
#include "cli/cli.h"

namespace bpfgate::cli {

void setup_attach(CLI::App&, int&) {}

}  // namespace bpfgate::cli
