// SPDX-License-Identifier: MIT
// Where temporaries go that have no place beside something: on the disk, for they may be larger than memory, in which
// /tmp may be; and not by TMPDIR, of which a marked program hears nothing (AT_SECURE, ld.so(8)).
#pragma once

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate {

inline constexpr const char* temporary_directory = "/var/tmp";

// For reading and writing, and gone with its descriptor. Nobody else opens it, and it never gets a name.
Result<UniqueFd> make_nameless_file();

}  // namespace bpfgate
