// SPDX-License-Identifier: MIT
// Which programs want to load BPF, as far as their files show it. For choosing what to sign among many: a program that
// makes the system call without any of the libraries known here is not found, and one that is found may never make it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace bpfgate::sign {

// "needs libbpf.so.1", "has libbpf built in"; nullopt: not a program, or no sign of BPF in it. Libraries are none,
// whatever they need: the process that maps them is judged by its own file.
Result<std::optional<std::string>> bpf_use(int fd);

}  // namespace bpfgate::sign
