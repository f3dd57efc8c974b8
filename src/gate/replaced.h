// SPDX-License-Identifier: MIT
// Programs that somebody else has put in the place of the gate's functions (BPF_PROG_TYPE_EXT), or has loaded for that,
// or with one of the gate's maps, or has linked to walk over one, while it was not yet guarded.
#pragma once

#include "base/result.h"

namespace bpfgate::gate {

// `guarded` is the descriptor of that map. ErrorKind::Refused where there is one that is not guarded itself, as the
// gate's extension is.
Result<> check_not_replaced(int guarded);

}  // namespace bpfgate::gate
