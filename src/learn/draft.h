// SPDX-License-Identifier: MIT
// What a manifest needs so that all that was seen is granted, and what cannot be granted and why. A draft: whatever ran
// is in it, so it is for people to read before they sign it.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "gate/events.h"
#include "learn/examine.h"
#include "manifest/manifest.h"

namespace bpfgate::learn {

// A file whose digest gets a grant of its own, beside those that the base gives it.
struct Entry {
  std::string path;  // the first by name, where several have this content
  fsverity::Digest digest;
  std::vector<std::string> base_grants;
  manifest::Grant grant;
};

// Something that the draft leaves out, or that whoever reads it should know.
struct Remark {
  std::string executable;
  std::string text;
  std::string remedy;  // may be empty

  auto operator<=>(const Remark&) const = default;
};

struct Draft {
  std::vector<Entry> entries;   // by path
  std::vector<Remark> remarks;  // each once, by executable
};

// The order of events means nothing, nor does how often each is there. Events of attempts on the gate itself, and of
// calls that only a condition of the policy refuses, are remarks: no draft should get around those. More executables
// than a manifest has room for grants is ErrorKind::Refused.
Result<Draft> draft_from(const std::vector<gate::Event>& events, const manifest::Manifest& base,
                         const Examiner& examiner);

}  // namespace bpfgate::learn
