// SPDX-License-Identifier: MIT
#pragma once

#include <cstdlib>
#include <memory>

namespace bpfgate {

struct FreeDeleter {
  void operator()(void* memory) const { std::free(memory); }
};

// What a C library has taken from malloc() and leaves to its caller.
template <class T>
using Malloced = std::unique_ptr<T, FreeDeleter>;

}  // namespace bpfgate
