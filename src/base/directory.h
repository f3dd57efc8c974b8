// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate {

// What is in an open directory, in order, without . and ..; `name` is what errors call it. For directories
// that are opened by other means than their path. Not of an O_PATH descriptor.
Result<std::vector<std::string>> names_in(UniqueFd directory, const std::string& name);

}  // namespace bpfgate
