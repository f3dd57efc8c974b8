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
  evidence::Verdict then;    // a library that was a loader, or nothing; or less of a loader
  evidence::Reason because;  // why it is no more than that
  // Of a loader that would be one still: the grants that it would have no more.
  std::vector<std::string> missing_grants = {};
};

// Judges each name that leads to a file with evidence and may lead to another after the upgrade, whoever's it is now:
// as it is, and as it would be with what stores would say of it then, those that packages of `changes` bring and those
// that stay. New files are nobody's loss, nor are files that go.
Result<std::vector<Loss>> losses_by(const std::vector<Change>& changes, const evidence::Trust& trust, const Host& host);

}  // namespace bpfgate::deb
