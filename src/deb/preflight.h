// SPDX-License-Identifier: MIT
// Before packages are unpacked: which files that have evidence now would have none afterwards.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "deb/apt.h"
#include "evidence/evidence.h"

namespace bpfgate::deb {

struct Loss {
  std::string package;
  std::string version;
  std::string path;
  evidence::Verdict now;     // a loader or a library
  evidence::Reason because;  // why the new file would be neither, or not the same
};

// Files of an installed package, as dpkg lists them; none for one that is not installed.
using InstalledFiles = std::function<Result<std::vector<std::string>>(const std::string& package)>;
InstalledFiles files_by_dpkg();

// What a .deb says it is.
Result<Change> change_of(const std::filesystem::path& archive);

// Judges each file that is replaced, as it is and as it would be with the signatures that come along: in the stores of
// all packages of `changes`, and in those that are on the host. A file that becomes a library and was a loader is a
// loss, too. New files are nobody's loss.
Result<std::vector<Loss>> losses_by(const std::vector<Change>& changes, const evidence::Trust& trust,
                                    const InstalledFiles& installed_files);

}  // namespace bpfgate::deb
