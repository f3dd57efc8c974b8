// SPDX-License-Identifier: MIT
#include "cli/cli.h"

namespace bpfgate::cli {

void setup_seal(CLI::App&, int&) {}

}  // namespace bpfgate::cli
