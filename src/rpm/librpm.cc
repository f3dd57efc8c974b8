// SPDX-License-Identifier: MIT
#include "rpm/librpm.h"

#include <dlfcn.h>

#include "base/bytes.h"

namespace bpfgate::rpm {
namespace {

Librpm loaded;
std::string messages;

// Returning 0 keeps librpm from printing the message.
int keep_message(rpmlogRec record, rpmlogCallbackData) {
  std::string text = librpm().rpmlogRecMessage(record);
  while (text.ends_with('\n')) text.pop_back();
  if (!messages.empty()) messages += "; ";
  messages += printable(text);
  return 0;
}

Failure missing(const std::string& what) {
  return fail(ErrorKind::Unsupported, what,
              "install the library that " BPFGATE_LIBRPM " is in (Debian: librpm9 or librpm10)");
}

}  // namespace

Result<> load_librpm() {
  static void* handle = nullptr;
  if (handle != nullptr) return {};
  void* opened = ::dlopen(BPFGATE_LIBRPM, RTLD_NOW | RTLD_LOCAL);
  if (opened == nullptr) return missing("rpm packages need " BPFGATE_LIBRPM ", which is not there");
  // What is asked of the library is looked for in those that it needs as well: librpmio.
#define BPFGATE_FIND(name)                                                       \
  loaded.name = reinterpret_cast<decltype(loaded.name)>(::dlsym(opened, #name)); \
  if (loaded.name == nullptr) return missing(BPFGATE_LIBRPM " has no function " #name);
  BPFGATE_LIBRPM_FUNCTIONS(BPFGATE_FIND)
#undef BPFGATE_FIND
  loaded.rpmlogSetCallback(keep_message, nullptr);
  handle = opened;
  return {};
}

const Librpm& librpm() { return loaded; }

std::string take_messages() { return std::exchange(messages, {}); }

}  // namespace bpfgate::rpm
