// SPDX-License-Identifier: MIT
// The second half of `bpfgate sign`: the libraries that the loaders just signed will map. One that is unproven costs
// the loader its mark, so they are named, or signed too.
#pragma once

#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/output.h"
#include "sign/closure.h"
#include "sign/library.h"
#include "sign/sign.h"

namespace bpfgate::cli {

// The libraries of all loaders of a run, each once, in the order they were found.
class NeededLibraries {
 public:
  using Users = std::map<std::string, std::vector<std::string>>;  // library to loaders

  void add(const std::string& loader, const sign::Closure& closure);

  [[nodiscard]] const std::vector<std::string>& paths() const { return paths_; }
  [[nodiscard]] const std::vector<std::string>& needed_by(const std::string& path) const { return users_.at(path); }
  // Names that no file answers to, and the loaders that need them.
  [[nodiscard]] const Users& missing() const { return missing_; }
  // Names that only $ORIGIN leads to, which does not count in a loader.
  [[nodiscard]] const Users& by_origin_only() const { return by_origin_only_; }
  // A loader of this run proves itself as a library too; its one xattr must not be replaced.
  [[nodiscard]] bool is_loader(const std::string& path) const { return loaders_.contains(path); }

 private:
  std::vector<std::string> paths_;
  Users users_;
  Users missing_;
  Users by_origin_only_;
  std::set<std::string> loaders_;
};

struct LibraryWork {
  const crypto::Certificate* certificate = nullptr;  // null: the presence of a signature is enough
  const crypto::Signer* signer = nullptr;            // null: say what is unsigned, sign nothing
  sign::Basis basis;
  bool detached = false;
  std::filesystem::path output_directory;
  unsigned jobs = 0;
  bool json = false;
};

struct LibrarySummary {
  Json entries = Json::array();  // {"path", "state", "needed_by", "digest" or "error"}
  size_t signed_now = 0;
  size_t failed = 0;
  int status = 0;
};

// Signs or examines the libraries, prints a line for each one signed, and to stderr what stays unsigned or is missing.
LibrarySummary process_libraries(const NeededLibraries& needed, const LibraryWork& work);

}  // namespace bpfgate::cli
