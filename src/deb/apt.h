// SPDX-License-Identifier: MIT
// What apt is about to have dpkg do, as it tells hooks of DPkg::Pre-Install-Pkgs in version 3 of their protocol
// (apt.conf(5); apt-pkg/deb/dpkgpm.cc).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfgate::deb {

// A package that is to be unpacked, or removed.
struct Change {
  std::string package;  // "name:architecture" where it is told apart so
  std::string new_version;
  std::filesystem::path archive;  // empty: it is removed
  // The package that goes, as dpkg calls it: with the architecture it has, which need not be the new one's. Empty:
  // none.
  std::string installed;

  bool operator==(const Change&) const = default;
};

// Whether the user has set Bpfgate::Preflight to "warn". Whatever else cannot be read: it is the way out.
bool asks_only_to_warn(std::string_view text);

// Packages that are only configured are left out. Another version of the protocol is ErrorKind::Invalid, and so is a
// line that is none of it.
Result<std::vector<Change>> parse_apt(std::string_view text);

}  // namespace bpfgate::deb
