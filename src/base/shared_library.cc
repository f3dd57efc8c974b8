// SPDX-License-Identifier: MIT
#include "base/shared_library.h"

#include <dlfcn.h>

#include "base/bytes.h"

namespace bpfgate {

Result<SharedLibrary> SharedLibrary::load(const char* soname, std::string remedy) {
  void* handle = ::dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    // It names the library that is missing, which may be one that the library needs.
    const char* reason = ::dlerror();
    return fail(ErrorKind::Unsupported,
                std::string(soname) + " cannot be loaded: " + printable(reason != nullptr ? reason : "no reason given"),
                std::move(remedy));
  }
  return SharedLibrary(handle, soname, std::move(remedy));
}

Result<void*> SharedLibrary::find_symbol(const char* name) const {
  void* symbol = ::dlsym(handle_, name);
  if (symbol == nullptr) return fail(ErrorKind::Unsupported, soname_ + " has no " + name, remedy_);
  return symbol;
}

}  // namespace bpfgate
