// SPDX-License-Identifier: MIT
// Events for people: what `bpfgate events` prints.
#pragma once

#include <string>

#include "gate/events.h"

namespace bpfgate::cli {

// One line, without its end: fields for grep, then why in words. Every byte is printable.
std::string text_of(const gate::Event& event);

}  // namespace bpfgate::cli
