// SPDX-License-Identifier: MIT
// Private to this room: the signature's xattr, with what to do when a file cannot take it.
#pragma once

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::sign {

Result<> set_signature(int fd, ByteView signature);

}  // namespace bpfgate::sign
