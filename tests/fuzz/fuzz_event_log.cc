// SPDX-License-Identifier: MIT
// Any bytes as what `bpfgate events --json` printed: what is read is shown, and read again, as the same; and whatever
// events say, the draft that is learned from them is a manifest.
#include <cstdint>

#include "cli/draft_json.h"
#include "event_checks.h"
#include "learn/draft.h"
#include "learn/time.h"

using namespace bpfgate;
using namespace bpfgate::fuzz;

namespace {

// Of every kind there is some path.
learn::File examine(const std::string& path) {
  if (path.size() % 8 == 7) return {learn::FileState::Interpreter, "it is a script's", {}, {}};
  if (path.size() % 8 == 6) return {};
  Bytes value(32, static_cast<uint8_t>(path.empty() ? 0 : path.back()));
  return {learn::FileState::Sealed, "", fsverity::Digest{fsverity::Algorithm::Sha256, value}, {}};
}

void check_draft(const std::vector<gate::Event>& events) {
  auto base = cli::load_base({});
  require(base.has_value());
  auto draft = learn::draft_from(events, base->manifest, examine);
  if (!draft) {
    require(draft.error().kind == ErrorKind::Refused);  // more executables than a manifest has room for
    return;
  }
  auto text = cli::manifest_text(*draft, *base, "", "/draft.json");
  require(text.has_value());
  auto manifest = manifest::parse(*text, "/draft.json", {});
  require(manifest.has_value() && manifest->mode == manifest::Mode::Audit);
  require(manifest->digests.size() == draft->entries.size());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto events = cli::events_from({reinterpret_cast<const char*>(data), size}, "log");
  if (!events) {
    require(events.error().kind == ErrorKind::Invalid && events.error().message.starts_with("log:"));
    check_shown(events.error().message);
    check_shown(events.error().remedy);
    return 0;
  }
  for (const gate::Event& event : *events) {
    check_text(event);
    require(through_json(event) == event);
  }
  check_draft(*events);
  return 0;
}
