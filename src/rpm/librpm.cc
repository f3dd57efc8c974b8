// SPDX-License-Identifier: MIT
#include "rpm/librpm.h"

#include <utility>

#include "base/bytes.h"
#include "base/shared_library.h"

namespace bpfgate::rpm {
namespace {

Librpm loaded;
// Packages are read on several threads, and each is told what was said of its own.
thread_local std::string messages;

// Returning 0 keeps librpm from printing the message.
int keep_message(rpmlogRec record, rpmlogCallbackData) {
  std::string text = librpm().rpmlogRecMessage(record);
  while (text.ends_with('\n')) text.pop_back();
  if (!messages.empty()) messages += "; ";
  messages += printable(text);
  return 0;
}

// What is asked of librpm is looked for in the libraries that it needs as well: librpmio.
Result<> load_once() {
  TRY_ASSIGN(
      SharedLibrary shared,
      SharedLibrary::load(BPFGATE_LIBRPM, "install the library of rpm: Debian's package is librpm9 or librpm10"));
  Librpm& library = loaded;
  BPFGATE_LIBRPM_FUNCTIONS(BPFGATE_FIND_FUNCTION)
  library.rpmlogSetCallback(keep_message, nullptr);
  return {};
}

}  // namespace

Result<> load_librpm() {
  static const Result<> done = load_once();
  return done;
}

const Librpm& librpm() { return loaded; }

std::string take_messages() { return std::exchange(messages, {}); }

}  // namespace bpfgate::rpm
