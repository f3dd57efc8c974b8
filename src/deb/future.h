// SPDX-License-Identifier: MIT
// The files of the host as they would be when all packages of an upgrade are unpacked.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "deb/archive.h"
#include "deb/dpkg.h"

namespace bpfgate::deb {

// What a name leads to.
struct Place {
  std::string name;                   // of the regular file, with no symbolic link in it
  std::filesystem::path file;         // where that can be read now
  const Change* brings = nullptr;     // whose file it would be; null: it stays as it is
  const Change* redirects = nullptr;  // whose symbolic link led there; null: nobody's that is new
};

class Future {
 public:
  // Both are kept, and have to stay.
  Future(const std::vector<Change>& changes, const std::vector<Diversion>& diversions)
      : changes_(changes), diversions_(diversions) {}

  // Files of packages that go, or are replaced.
  void take_away(const std::string& name) { gone_.insert(canonical(name)); }
  // Looks at the names in all packages.
  Result<> read_archives();

  // nullopt: to nothing, or to what is no regular file.
  Result<std::optional<Place>> resolve(const std::string& name);
  // Of what the packages bring: the names below `directory`.
  [[nodiscard]] std::vector<std::string> brought_below(const std::string& directory) const;
  // Whether it is neither brought nor goes.
  bool stays(const std::string& name);

  // By the directory as it is on the host: /bin/x and /usr/bin/x may be one file.
  std::string canonical(const std::string& name);

 private:
  struct Source {
    size_t change = 0;
    std::string name;  // in the package
  };
  // What there would be of this name, links not followed; empty: nothing.
  Result<std::filesystem::path> find(const std::string& name, const Change*& brings);

  const std::vector<Change>& changes_;
  const std::vector<Diversion>& diversions_;
  std::map<size_t, Archive> archives_;     // by the number of the change
  std::map<std::string, Source> sources_;  // by canonical name
  std::set<std::string> gone_;             // canonical names
  std::map<std::string, std::string> directories_;
};

}  // namespace bpfgate::deb
