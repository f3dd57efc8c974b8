// SPDX-License-Identifier: MIT
#include "image/library.h"

namespace bpfgate::image {
namespace {

Result<Library> load() {
  TRY_ASSIGN(SharedLibrary shared,
             SharedLibrary::load("libext2fs.so.2", "install it, or a newer one: Debian's package is libext2fs2"));
  Library library;
  BPFGATE_EXT2FS_FUNCTIONS(BPFGATE_FIND_FUNCTION)
  // The texts of errors are in a table of its own, and the one below is no function.
  void (*initialize)() = nullptr;
  TRY(shared.find("initialize_ext2_error_table", initialize));
  initialize();
  io_manager* unix_io = nullptr;
  TRY(shared.find("unix_io_manager", unix_io));
  library.unix_io = *unix_io;
  return library;
}

}  // namespace

Failure Library::failure(const std::string& what, errcode_t code) const {
  return fail(ErrorKind::Failed, what + ": " + error_message(code));
}

Result<const Library*> library() {
  static const Result<Library> loaded = load();
  if (!loaded) return Failure(loaded.error());
  return &*loaded;
}

}  // namespace bpfgate::image
