// SPDX-License-Identifier: MIT
#include "base/shared_library.h"

#include <dlfcn.h>

namespace bpfgate {

Result<SharedLibrary> SharedLibrary::load(const char* soname, std::string remedy) {
  void* handle = ::dlopen(soname, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return fail(ErrorKind::Unsupported, std::string(soname) + " is not there", std::move(remedy));
  return SharedLibrary(handle, soname, std::move(remedy));
}

Result<void*> SharedLibrary::find_symbol(const char* name) const {
  void* symbol = ::dlsym(handle_, name);
  if (symbol == nullptr) return fail(ErrorKind::Unsupported, soname_ + " has no " + name, remedy_);
  return symbol;
}

}  // namespace bpfgate
