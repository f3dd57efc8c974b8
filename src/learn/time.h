// SPDX-License-Identifier: MIT
// Points in time as people and events write them.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace bpfgate::learn {

using Time = std::chrono::system_clock::time_point;

// RFC 3339 ("2026-03-01T12:00:00Z", with a fraction, an offset or a blank for the T), or how long ago: "-90s",
// "-15min",
// "-1h", "-2d", "-1w". Anything else is ErrorKind::Usage.
Result<Time> time_from(const std::string& text, Time now);

}  // namespace bpfgate::learn
