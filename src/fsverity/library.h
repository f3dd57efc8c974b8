// SPDX-License-Identifier: MIT
// Private to this room: our parameters in libfsverity's terms.
#pragma once

#include <libfsverity.h>

#include "base/unique_fd.h"
#include "fsverity/fsverity.h"

namespace bpfgate::fsverity {

// Opens read-only without waiting for the other end of a FIFO: that is refused later, as not being a regular file.
Result<UniqueFd> open_candidate(const std::filesystem::path& path);

// The size of an open regular file; anything else is ErrorKind::Failed.
Result<uint64_t> regular_file_size(int fd);

// The result points into `parameters`, which must outlive it and must have passed check().
libfsverity_merkle_tree_params library_parameters(const Parameters& parameters, uint64_t file_size);

}  // namespace bpfgate::fsverity
