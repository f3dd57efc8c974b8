// SPDX-License-Identifier: MIT
// Events as bpfgated has written them to the journal (src/service/journal.cc).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "gate/events.h"
#include "learn/time.h"

namespace bpfgate::learn {

// From the fields of an entry, by name. Without BPFGATE_TIME, which earlier versions did not write, the time is zero.
gate::Event event_from(const std::map<std::string, std::string>& fields);

// All there are, or those of entries since a point in time, each with its own time or else its entry's. Only of
// bpfgated's unit: the other fields everybody may write. The library that reads journals is loaded when it is needed,
// and ErrorKind::Unsupported where it is not there: linked, it would be one that every host had to sign for bpfgate.
Result<std::vector<gate::Event>> read_journal(std::optional<Time> since);

}  // namespace bpfgate::learn
