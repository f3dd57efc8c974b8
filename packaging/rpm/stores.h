// SPDX-License-Identifier: MIT
// Signatures that come beside the files they are of: in the stores of packages, the one at hand and those installed
// before it. rpm gives the files of a package their names one after the other, and says so of each; which comes first,
// a store or what it lists, is up to the names. So nothing is put on a file before all have theirs.
//
// Of files of other packages nothing is known here: what they are by the host's policy, which a seal may take away, it
// is for `bpfgate apply` to ask.
#pragma once

#include <functional>
#include <map>
#include <set>
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

  // What a package carries for one of its files, beside what stores say. A signature that was compared with somebody's
  // certificate goes before any in a store. One that was not goes behind them: it is in the part of the package that
  // no other signature is over, and a store in the part that is signed.
  enum class Carried { Nothing, Unproven, Proven };

  // The next package, installed or taken away: the names of its files.
  void begin(std::map<std::string, Carried> names, bool is_installed = true);
  // Whatever was read is read anew.
  void forget() { is_loaded_ = false; }

  // The file has its name.
  void commit(const std::string& path);
  // All files have theirs: those that stores list get their signatures and are sealed. Of several signatures of one
  // content the one in a store of the package itself goes first.
  void settle(const Check& check);

  // What of the package is without its signature or seal in the end, and which stores cannot be read; one line each.
  std::vector<std::string> finish();

 private:
  struct Listed {
    std::string store;  // its name
    store::Entry entry;
  };
  [[nodiscard]] Result<UniqueFd> open_root() const;
  Result<> load(int root);
  void take(const std::string& name, Result<store::Store> loaded);
  void apply_to(int root, const std::string& name, const Check& check);

  std::string root_;
  std::map<std::string, Carried> names_;
  std::set<std::string> committed_;  // names; those that are settled no more
  bool is_loaded_ = false;
  std::map<std::string, std::vector<Listed>> listed_;  // by path
  std::map<std::string, std::string> troubles_;        // by path or store
};

}  // namespace bpfgate::rpm_plugin
