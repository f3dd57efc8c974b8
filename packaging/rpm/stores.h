// SPDX-License-Identifier: MIT
// Signatures that come beside the files they are of: in the stores of packages, the one at hand and those installed
// before it. rpm gives the files of a package their names one after the other, and says so of each; which comes first,
// a store or what it lists, is up to the names. %post runs after all of them.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "store/store.h"

namespace bpfgate::rpm_plugin {

// "MESSAGE (REMEDY)" and "/usr/bin/x: MESSAGE (REMEDY)", for rpm's log.
std::string line(const Error& error);
std::string line(const std::string& file, const Error& error);

class Stores {
 public:
  // Whether a signature is one that may be put on a file with this digest.
  using Check = std::function<Result<>(ByteView signature, const fsverity::Digest& digest)>;

  // `root` is where the host's files are, without a slash at its end: rpm's plugins are in a chroot, so it is empty but
  // for tests.
  explicit Stores(std::string root = {}) : root_(std::move(root)) {}

  // The next package, installed or taken away: the names of its files, and whether it carries a signature for each,
  // which goes before any in a store.
  void begin(std::map<std::string, bool> names);
  // Whatever was read is read anew.
  void forget() { is_loaded_ = false; }

  // The file has its name. If stores list it, it gets its signature and is sealed. If it is a store itself, so do the
  // files that it lists, as far as they are there: of this package or, for it may be a companion that came late, of
  // others.
  void commit(const std::string& path, const Check& check);

  // What of the package is without its signature or seal in the end, and which stores cannot be read; one line each.
  std::vector<std::string> finish();

 private:
  struct Listed {
    std::string store;  // its name
    store::Entry entry;
  };
  [[nodiscard]] Result<UniqueFd> open_root() const;
  void load();
  void load_store(int root, const std::string& name);
  void apply_to(int root, const std::string& name, const Check& check);

  std::string root_;
  std::map<std::string, bool> names_;
  bool is_loaded_ = false;
  std::map<std::string, std::vector<Listed>> listed_;  // by path
  std::map<std::string, std::string> troubles_;        // by path or store, the last one; a success takes it away
};

}  // namespace bpfgate::rpm_plugin
