// SPDX-License-Identifier: MIT
// What must hold of every event, wherever it is from.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "cli/event_json.h"
#include "cli/event_text.h"
#include "learn/journal.h"
#include "service/journal.h"

namespace bpfgate::fuzz {

using Fields = std::map<std::string, std::string>;

inline void require(bool condition) {
  if (!condition) std::abort();
}

inline void check_shown(std::string_view text) {
  for (char letter : text) require(letter >= 0x20 && letter < 0x7f);
}

inline Fields split(const std::vector<std::string>& parts) {
  Fields fields;
  for (const std::string& part : parts) {
    size_t equals = part.find('=');
    require(equals != std::string::npos && equals > 0);
    require(fields.emplace(part.substr(0, equals), part.substr(equals + 1)).second);
  }
  return fields;
}

// Journal entries have no thread, and times to the microsecond, of the years from 1970 on.
inline gate::Event as_in_journal(gate::Event event) {
  auto time = std::chrono::duration_cast<std::chrono::microseconds>(event.time.time_since_epoch());
  event.time = decltype(event.time)(std::max(time, std::chrono::microseconds(0)));
  event.pid = event.tgid;
  return event;
}

inline std::string json_line(const gate::Event& event) {
  cli::Json line = cli::json_output("events");
  line["event"] = cli::json_of(event);
  return line.dump(-1, ' ', false, cli::Json::error_handler_t::replace);
}

inline gate::Event through_json(const gate::Event& event) {
  auto events = cli::events_from(json_line(event), "log");
  require(events.has_value() && events->size() == 1);
  return events->front();
}

inline gate::Event through_journal(const gate::Event& event) {
  Fields fields = split(service::fields_of(event));
  check_shown(fields.at("MESSAGE"));
  return learn::event_from(fields);
}

inline void check_text(const gate::Event& event) {
  check_shown(cli::text_of(event));
  check_shown(gate::sentence(event));
}

}  // namespace bpfgate::fuzz
