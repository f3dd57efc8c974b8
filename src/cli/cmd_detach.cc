// SPDX-License-Identifier: MIT
#include "cli/cli.h"

namespace bpfgate::cli {

void setup_detach(CLI::App&, int&) {}

}  // namespace bpfgate::cli
