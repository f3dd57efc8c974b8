// SPDX-License-Identifier: MIT
#include "deb/apt.h"

#include <optional>
#include <sstream>

namespace bpfgate::deb {
namespace {

constexpr std::string_view wanted_version = "VERSION 3";
constexpr std::string_view warning_only = "Bpfgate::Preflight=warn";
constexpr const char* remedy = "set DPkg::Tools::options::COMMAND::Version to 3 in apt's configuration";

// As dpkg takes names of packages, whichever architectures the host has.
std::string qualified(const std::string& name, const std::string& architecture) {
  return architecture == "all" || architecture == "-" ? name : name + ":" + architecture;
}

// Name, old version, its architecture and multi-arch type, the direction, the new version with the same, and what is
// done: the path of the .deb, which may have blanks, or a word in asterisks.
Result<std::optional<Change>> parse_line(const std::string& line) {
  std::istringstream words(line);
  std::string name, old_version, old_architecture, old_type, direction, new_version, architecture, type, action;
  if (!(words >> name >> old_version >> old_architecture >> old_type >> direction >> new_version >> architecture >>
        type))
    return fail(ErrorKind::Invalid, "apt's list of packages has the line \"" + line + "\"", remedy);
  std::getline(words >> std::ws, action);
  if (action.empty()) return fail(ErrorKind::Invalid, "apt's list does not say what is done with " + name, remedy);
  std::string installed = old_version == "-" ? "" : qualified(name, old_architecture);
  if (action == "**REMOVE**") return Change{installed, "", "", installed};
  if (action == "**CONFIGURE**") return std::nullopt;
  // apt has **ERROR** where a package is in none of these states; and what it may have some day, nobody knows yet.
  if (!action.starts_with('/')) return fail(ErrorKind::Invalid, "apt's list says " + action + " of " + name, remedy);
  return Change{qualified(name, architecture), new_version, action, installed};
}

}  // namespace

// Its configuration is what comes before an empty line.
bool asks_only_to_warn(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  while (std::getline(lines, line) && !line.empty())
    if (line == warning_only) return true;
  return false;
}

Result<std::vector<Change>> parse_apt(std::string_view text) {
  std::istringstream lines{std::string(text)};
  std::string line;
  if (!std::getline(lines, line) || line != wanted_version)
    return fail(ErrorKind::Invalid, "apt does not speak version 3 of its protocol for hooks", remedy);
  while (std::getline(lines, line) && !line.empty()) continue;
  std::vector<Change> changes;
  while (std::getline(lines, line)) {
    if (line.empty()) continue;
    TRY_ASSIGN(std::optional<Change> change, parse_line(line));
    if (change) changes.push_back(std::move(*change));
  }
  return changes;
}

}  // namespace bpfgate::deb
