// SPDX-License-Identifier: MIT
// What is known of a loaded gate, for people and for programs.
#pragma once

#include "cli/output.h"
#include "gate/gate.h"

namespace bpfgate::cli {

Json json_of(const gate::Status& status);
void print_gate(const gate::Status& status);

}  // namespace bpfgate::cli
