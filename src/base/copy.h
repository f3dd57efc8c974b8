// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include "base/result.h"

namespace bpfgate {

// What a regular file has, up to `size`, to one that is empty: shares the blocks where the file system can, and keeps
// the holes. Errors name neither; who calls knows both.
Result<> copy_content(int from, int to, off_t size);

}  // namespace bpfgate
