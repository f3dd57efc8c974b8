// SPDX-License-Identifier: MIT
// Who has a descriptor of the gate's maps and programs: the guard keeps others from getting one, and cannot take back
// what they have.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::gate {

struct Holder {
  int pid = 0;
  std::string executable;
  unsigned descriptors = 0;
};

// Every other process that holds a map or a program which is listed in the map `guarded` (a descriptor), or an
// iterator, which may be one over such a map. What a process holds and cannot be read, although it is there, is an
// error: it may be one of them.
Result<std::vector<Holder>> holders_of(int guarded);

}  // namespace bpfgate::gate
