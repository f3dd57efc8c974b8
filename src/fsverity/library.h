// SPDX-License-Identifier: MIT
// Private to this room: our parameters in libfsverity's terms.
#pragma once

#include <libfsverity.h>

#include "fsverity/fsverity.h"

namespace bpfgate::fsverity {

// The size of an open regular file; anything else is ErrorKind::Failed.
Result<uint64_t> regular_file_size(int fd);

// The result points into `parameters`, which must outlive it and must have passed check().
libfsverity_merkle_tree_params library_parameters(const Parameters& parameters, uint64_t file_size);

}  // namespace bpfgate::fsverity
