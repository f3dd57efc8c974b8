// SPDX-License-Identifier: MIT
#include "gate/rpm_macros.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "base/io.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr size_t max_macro_file = 1 << 20;
constexpr const char* macro = "%__transaction_fsverity";

// Of Debian's rpm, which is there for other purposes, no database is in any of these places.
bool installs_packages(const fs::path& root) {
  std::error_code ignored;
  for (const char* directory : {"var/lib/rpm", "usr/lib/sysimage/rpm"})
    for (const char* file : {"rpmdb.sqlite", "Packages.db", "Packages"})
      if (fs::exists(root / directory / file, ignored)) return true;
  return false;
}

// What package managers and editors leave beside a file, rpm leaves out, too (rpmInitMacros() in rpmio/macro.c).
bool is_macro_file(const fs::path& file) {
  constexpr std::array<std::string_view, 4> leftovers = {"~", ".rpmnew", ".rpmorig", ".rpmsave"};
  const std::string name = file.filename();
  return name.starts_with("macros.") &&
         std::ranges::none_of(leftovers, [&](std::string_view leftover) { return name.ends_with(leftover); });
}

// In the order in which rpm reads them: a later definition replaces an earlier one.
std::vector<fs::path> macro_files(const fs::path& root) {
  std::vector<fs::path> files = {root / "usr/lib/rpm/macros"};
  for (const char* directory : {"usr/lib/rpm/macros.d", "etc/rpm"}) {
    std::vector<fs::path> found;
    std::error_code error;
    for (fs::directory_iterator entry(root / directory, error), end; !error && entry != end; entry.increment(error))
      if (is_macro_file(entry->path())) found.push_back(entry->path());
    std::ranges::sort(found);
    files.insert(files.end(), found.begin(), found.end());
  }
  files.push_back(root / "etc/rpm/macros");
  return files;
}

// Its last definition there, without blanks around it.
std::optional<std::string> definition_in(const fs::path& file) {
  auto text = read_text_file(file, max_macro_file);
  if (!text) return std::nullopt;
  std::optional<std::string> found;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, value;
    words >> name >> value;
    if (name == macro) found = value;
  }
  return found;
}

}  // namespace

std::optional<bool> has_stock_fsverity_plugin(const fs::path& root) {
  if (!installs_packages(root)) return std::nullopt;
  std::optional<std::string> definition;
  for (const fs::path& file : macro_files(root))
    if (auto found = definition_in(file)) definition = std::move(found);
  if (!definition) return std::nullopt;
  return !definition->empty() && *definition != "%{nil}";
}

}  // namespace bpfgate::gate
