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

// A package that is to be unpacked.
struct Change {
  std::string package;  // "name:architecture" where it is told apart so
  std::string new_version;
  std::filesystem::path archive;

  bool operator==(const Change&) const = default;
};

// Packages that are only configured or removed are left out. Another version of the protocol is ErrorKind::Invalid, and
// so is a line that is none of it.
Result<std::vector<Change>> parse_apt(std::string_view text);

}  // namespace bpfgate::deb
