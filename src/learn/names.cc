// SPDX-License-Identifier: MIT
#include "learn/names.h"

#include <algorithm>

#include "manifest/manifest.h"

namespace bpfgate::learn {
namespace {

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

// At most as long as leaves room for `suffix`.
std::string joined_name(const std::string& base, const std::string& suffix) {
  return base.substr(0, manifest::kMaxNameBytes - suffix.size()) + suffix;
}

}  // namespace

std::string grant_name(const std::string& path, std::set<std::string>& taken) {
  std::string base = path.substr(path.rfind('/') + 1);
  std::replace_if(base.begin(), base.end(), [](char c) { return !is_name_character(c); }, '-');
  if (base.empty()) base = "loader";
  std::string name = joined_name(base, "");
  for (size_t number = 2; manifest::is_built_in(name) || !taken.insert(name).second; ++number)
    name = joined_name(base, "-" + std::to_string(number));
  return name;
}

std::string note_of(const std::string& path) {
  constexpr std::string_view cut = "...";
  std::string note = path;
  if (note.size() > manifest::kMaxNoteBytes)
    note = std::string(cut) + note.substr(note.size() - (manifest::kMaxNoteBytes - cut.size()));
  std::replace_if(note.begin(), note.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  return note;
}

}  // namespace bpfgate::learn
