// SPDX-License-Identifier: MIT
#include "cli/event_text.h"

#include "base/bytes.h"
#include "cli/event_json.h"

namespace bpfgate::cli {

std::string text_of(const gate::Event& event) {
  std::string text = time_text(event.time) + " " + printable(event.kind) + " " + printable(event.reason);
  for (const auto& what :
       {event.command, event.program_type, event.map_type, event.attach_type, event.target, event.denied})
    if (what) text += " " + printable(*what);
  text += " pid=" + std::to_string(event.pid) + " tgid=" + std::to_string(event.tgid) +
          " uid=" + std::to_string(event.uid) + " comm=" + printable(event.comm) +
          " exe=" + (event.executable.empty() ? "?" : printable(event.executable)) +
          " verdict=" + printable(event.verdict) + " rule=" + printable(event.rule);
  return text + (event.pre_existing ? " pre-existing: " : ": ") + gate::why(event);
}

}  // namespace bpfgate::cli
