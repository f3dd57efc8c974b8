// SPDX-License-Identifier: MIT
// What the service says to the journal: structured fields, and a MESSAGE_ID per reason (docs/man/bpfgated.8).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gate/events.h"

namespace bpfgate::service {

// What the service itself has to tell.
enum class Notice { Started, Restarted, PinsLost, PinsBack, Released, MetricsLost };

// 128 bits in hex, the same in every version; empty for a reason that this build does not know.
std::string_view message_id(std::string_view reason);

// What is sent about an event, each "NAME=value": src/learn/journal.cc reads it again.
std::vector<std::string> fields_of(const gate::Event& event);

// The journal being away loses the entry, and nothing else.
void log(const gate::Event& event);
void log(Notice notice, const std::string& text);

}  // namespace bpfgate::service
