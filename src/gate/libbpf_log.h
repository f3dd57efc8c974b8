// SPDX-License-Identifier: MIT
// What libbpf says while it loads something.
#pragma once

#include <string>

#include "base/result.h"

namespace bpfgate::gate {

// From now on its messages are kept, or with `verbose` passed on to stderr.
void watch_libbpf(bool verbose);

// By errno, with libbpf's first warning: that one names what failed, the rest is the verifier's log. It does not always
// say why, so errno is said too.
Failure libbpf_failure(const std::string& what);

}  // namespace bpfgate::gate
