// SPDX-License-Identifier: MIT
// Libraries that are loaded where they are needed. Linked, one would be mapped by every bpfgate, with all that it needs
// itself, and each of those would have to be signed on every host where bpfgate manages a gate.
//
// Whoever uses one lists its functions once, FUNCTIONS(X) being X(first) X(second)...:
//
//   struct Library { FUNCTIONS(BPFGATE_DECLARE_FUNCTION) };
//
//   Result<Library> load() {
//     TRY_ASSIGN(SharedLibrary shared, SharedLibrary::load("libfoo.so.1", "install it: Debian's package is libfoo1"));
//     Library library;
//     FUNCTIONS(BPFGATE_FIND_FUNCTION)
//     return library;
//   }
#pragma once

#include <string>

#include "base/result.h"

namespace bpfgate {

class SharedLibrary {
 public:
  // Stays loaded for good: what it has opened may refer to it. Where it is not there, or lacks what is looked for:
  // ErrorKind::Unsupported, with this remedy.
  static Result<SharedLibrary> load(const char* soname, std::string remedy);

  template <class Pointer>
  [[nodiscard]] Result<> find(const char* name, Pointer& found) const {
    TRY_ASSIGN(void* symbol, find_symbol(name));
    found = reinterpret_cast<Pointer>(symbol);
    return {};
  }

 private:
  SharedLibrary(void* handle, std::string soname, std::string remedy)
      : handle_(handle), soname_(std::move(soname)), remedy_(std::move(remedy)) {}
  [[nodiscard]] Result<void*> find_symbol(const char* name) const;

  void* handle_;  // never closed
  std::string soname_;
  std::string remedy_;
};

#define BPFGATE_DECLARE_FUNCTION(name) decltype(&::name) name = nullptr;
#define BPFGATE_FIND_FUNCTION(name) TRY(shared.find(#name, library.name));

}  // namespace bpfgate
