// SPDX-License-Identifier: MIT
// Before packages are unpacked: which files that have evidence now would have none afterwards.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "deb/dpkg.h"
#include "evidence/evidence.h"

namespace bpfgate::deb {

struct Loss {
  std::string package;
  std::string version;
  std::string path;
  evidence::Verdict now;     // a loader or a library
  evidence::Verdict then;    // a library that was a loader, or nothing
  evidence::Reason because;  // why it is no more than that
};

// Judges each name that leads to a file with evidence and may lead to another after the upgrade: as it is, and as it
// would be with the signatures that there would be then, in the stores that packages of `changes` bring and in those
// that stay. A file that becomes a library and was a loader is a loss, too. New files are nobody's loss, nor are files
// that go.
Result<std::vector<Loss>> losses_by(const std::vector<Change>& changes, const evidence::Trust& trust, const Host& host);

}  // namespace bpfgate::deb
