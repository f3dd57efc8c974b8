// SPDX-License-Identifier: MIT
// Which programs want to load BPF, as far as their files show it: by the libraries they need or try to open, and by
// what is built into them. For choosing what to sign among many. Not found is a program that makes the system call by
// itself, one whose library is in another package or opened by a plugin, and one that starts another program to do it;
// and one that is found may never make the call.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::sign {

// The libraries that come with a program, in its package: what needs one that uses BPF does so, too.
class BpfLibraries {
 public:
  // A file by its names; what is no library is left out.
  Result<> add(int fd, const std::vector<std::string>& names);

  // What the library of this name uses, or one that it needs: "has a BPF object or its loader built in".
  [[nodiscard]] std::optional<std::string> use_of(const std::string& name) const;

 private:
  struct Library {
    std::vector<std::string> names;  // its soname, and its files without their directories
    std::vector<std::string> needed;
    std::optional<std::string> use;
  };
  [[nodiscard]] const Library* find(const std::string& name) const;

  std::vector<Library> libraries_;
};

// "needs libbpf.so.1", "has libbpf built in"; nullopt: not a program, or no sign of BPF in it. Libraries are none,
// whatever they need: the process that maps them is judged by its own file.
Result<std::optional<std::string>> bpf_use(int fd, const BpfLibraries& beside = {});

}  // namespace bpfgate::sign
