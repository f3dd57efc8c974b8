// SPDX-License-Identifier: MIT
// What dpkg knows of the host, by its own tools.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "deb/apt.h"
#include "store/store.h"

namespace bpfgate::deb {

// Every other package's file `from` is put at `to`.
struct Diversion {
  std::string from;
  std::string to;
  std::string by;  // the package whose own file stays; empty: it is the administrator's, and of all packages

  bool operator==(const Diversion&) const = default;
};

// What `dpkg-divert --list` prints, in the C locale.
std::vector<Diversion> parse_diversions(std::string_view text);

// Where the package's file is put: `package` may have its architecture with it.
std::string installed_at(const std::string& path, const std::string& package, const std::vector<Diversion>& diversions);

// The host as it is, before anything is unpacked.
struct Host {
  // Files of an installed package, called as Change::installed is. One that is not there is an error.
  std::function<Result<std::vector<std::string>>(const std::string& installed)> files;
  std::function<Result<std::vector<Diversion>>()> diversions;
  // By their files. Those that cannot be read are left out, as in applying them.
  std::function<Result<std::map<std::string, store::Store>>()> stores;
};
Host this_host();

// What a .deb says it is, and which package of this host goes for it.
Result<Change> change_of(const std::filesystem::path& archive);

}  // namespace bpfgate::deb
