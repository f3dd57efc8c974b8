// SPDX-License-Identifier: MIT
// Events as JSON: what `bpfgate events --json` prints, and how it is read again.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/output.h"
#include "gate/events.h"

namespace bpfgate::cli {

// RFC 3339, in UTC, to the microsecond.
std::string time_text(std::chrono::system_clock::time_point time);

Json json_of(const gate::Event& event);

// The events of one object, or of an object a line, as --follow prints them. What such an object has beside what is
// needed is skipped, so that later versions' can be read; a `message` among it. Errors are ErrorKind::Invalid and name
// `file` and the line, or the place in the one object.
Result<std::vector<gate::Event>> events_from(std::string_view text, const std::string& file);
// Of a file; "-" is standard input.
Result<std::vector<gate::Event>> read_events(const std::string& file);

}  // namespace bpfgate::cli
