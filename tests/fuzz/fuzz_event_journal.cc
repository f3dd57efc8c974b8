// SPDX-License-Identifier: MIT
// Any bytes as an entry of the journal, in the form of journalctl -o export without its binary fields: NAME=value, a
// line each. What is read is shown, is the same once it has been written and read again, and can be learned from.
#include <cstdint>
#include <string_view>

#include "event_checks.h"
#include "learn/calls.h"

using namespace bpfgate;
using namespace bpfgate::fuzz;

namespace {

Fields fields_in(std::string_view text) {
  Fields fields;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    size_t equals = std::min(line.find('='), line.size());
    fields[std::string(line.substr(0, equals))] = line.substr(std::min(line.size(), equals + 1));
  }
  return fields;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  gate::Event event = learn::event_from(fields_in({reinterpret_cast<const char*>(data), size}));
  check_text(event);
  require(through_journal(event) == event);
  if (auto call = learn::call_of(event)) {
    learn::Calls calls;
    calls.add(*call, event);
    require(!calls.is_empty());
  } else {
    check_shown(call.error().message);
  }
  return 0;
}
