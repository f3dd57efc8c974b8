// SPDX-License-Identifier: MIT
// Any bytes as a record of the gate's ring buffer: what is long enough is an event, which can be shown, and is the same
// event once it has been through JSON or the journal.
#include <cstdint>

#include "event_checks.h"

using namespace bpfgate;
using namespace bpfgate::fuzz;

namespace {

constexpr size_t record_size = 1272;  // the size asserted in bpf/gate_abi.h

// As the kernel's types answer: some ids have a name, and the others are numbers.
std::string function_name(uint32_t id) { return (id % 2 == 0 ? "function " : "bpf_f") + std::to_string(id); }

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto event = gate::decode({data, size}, function_name);
  require(event.has_value() == (size >= record_size));
  if (!event) return 0;
  check_text(*event);
  require(through_journal(*event) == as_in_journal(*event));
  // A name that is not UTF-8 becomes another in JSON, which then stays as it is.
  gate::Event read = through_json(*event);
  require(through_json(read) == read);
  read.comm = event->comm;
  read.executable = event->executable;
  read.rule = event->rule;
  read.time = event->time;  // to the microsecond
  require(read == *event);
  return 0;
}
