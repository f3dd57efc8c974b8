// SPDX-License-Identifier: MIT
// Events to learn from, and files that need not exist.
#pragma once

#include <map>
#include <string>

#include "gate/events.h"
#include "learn/examine.h"
#include "manifest/manifest.h"

namespace bpfgate::learn::test {

// In audit mode, of a process without a mark.
inline gate::Event event(const std::string& executable, const std::string& command) {
  gate::Event event;
  event.kind = "would-refuse";
  event.reason = "not-sealed";
  event.executable = executable;
  event.comm = executable.substr(executable.rfind('/') + 1);
  event.command = command;
  return event;
}

inline gate::Event load(const std::string& executable, const std::string& type, std::vector<std::string> helpers = {}) {
  gate::Event loaded = event(executable, "prog_load");
  loaded.program_type = type;
  loaded.helpers = std::move(helpers);
  return loaded;
}

inline gate::Event map(const std::string& executable, const std::string& type) {
  gate::Event made = event(executable, "map_create");
  made.map_type = type;
  return made;
}

inline fsverity::Digest digest(uint8_t last) {
  Bytes value(32, 0);
  value.back() = last;
  return {fsverity::Algorithm::Sha256, value};
}

inline File sealed(uint8_t last, std::vector<std::string> grants = {}) {
  return {FileState::Sealed, "", digest(last), std::move(grants)};
}

// All other files are gone.
inline Examiner files(std::map<std::string, File> known) {
  return [known = std::move(known)](const std::string& path) {
    auto found = known.find(path);
    return found == known.end() ? File() : found->second;
  };
}

inline manifest::Manifest empty_base() {
  manifest::Manifest base;
  for (const manifest::Grant& grant :
       {manifest::grant_none(), manifest::grant_inspect(), manifest::grant_full(), manifest::grant_admin()})
    base.grants[grant.name] = grant;
  return base;
}

inline manifest::NumberSet commands(const std::vector<std::string>& names) {
  manifest::NumberSet set = 0;
  for (const std::string& name : names)
    set |= manifest::NumberSet{1} << manifest::number_of(manifest::kCommands, name).value();
  return set;
}

}  // namespace bpfgate::learn::test
