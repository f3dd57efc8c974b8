// SPDX-License-Identifier: MIT
// Private to this room: the signature's xattr, with what to do when a file cannot take it.
#pragma once

#include "base/bytes.h"
#include "base/result.h"
#include "evidence/evidence.h"

namespace bpfgate::sign {

Result<> set_signature(int fd, ByteView signature);

// An IMA signature does not count on a sealed file, and could replace one that does: ErrorKind::Refused.
Result<> check_counts(evidence::DigestKind kind, bool is_sealed);

}  // namespace bpfgate::sign
