// SPDX-License-Identifier: MIT
#include "deb/libarchive.h"

namespace bpfgate::deb {
namespace {

Result<Libarchive> load() {
  TRY_ASSIGN(
      SharedLibrary shared,
      SharedLibrary::load("libarchive.so.13", "install it: Debian's package is libarchive13t64 or libarchive13"));
  Libarchive library;
  BPFGATE_LIBARCHIVE_FUNCTIONS(BPFGATE_FIND_FUNCTION)
  return library;
}

}  // namespace

Result<const Libarchive*> libarchive() {
  static const Result<Libarchive> loaded = load();
  if (!loaded) return Failure(loaded.error());
  return &*loaded;
}

}  // namespace bpfgate::deb
