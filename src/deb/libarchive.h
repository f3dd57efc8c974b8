// SPDX-License-Identifier: MIT
// Private to this room: libarchive, loaded where a package is read.
#pragma once

#include <archive.h>
#include <archive_entry.h>

#include "base/result.h"
#include "base/shared_library.h"

// Every function that is called, by its own name.
// clang-format off
#define BPFGATE_LIBARCHIVE_FUNCTIONS(X)                                                                         \
  X(archive_entry_filetype) X(archive_entry_hardlink) X(archive_entry_pathname) X(archive_error_string)         \
  X(archive_read_data_into_fd) X(archive_read_free) X(archive_read_new) X(archive_read_next_header)             \
  X(archive_read_open_fd) X(archive_read_support_format_tar)
// clang-format on

namespace bpfgate::deb {

struct Libarchive {
  BPFGATE_LIBARCHIVE_FUNCTIONS(BPFGATE_DECLARE_FUNCTION)
};

// Loaded once, and for good. Where it is not there: ErrorKind::Unsupported.
Result<const Libarchive*> libarchive();

}  // namespace bpfgate::deb
