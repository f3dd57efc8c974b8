// SPDX-License-Identifier: MIT
// What is in a .deb, by dpkg-deb(1) and libarchive.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"

namespace bpfgate::deb {

// Of the regular files in the package, in its order: `wants` is asked by the path as installed ("/usr/sbin/x"), and
// `take` gets those it wants, with a descriptor of the content that is its own only during the call. A name that is a
// hard link to one before it counts as a file of its own.
struct Visitor {
  std::function<bool(const std::string& path)> wants;
  std::function<Result<>(const std::string& path, int fd)> take;
};

// What dpkg-deb cannot read, and an error of `take`, ends it; errors name the package's file.
Result<> visit(const std::filesystem::path& archive, const Visitor& visitor);

}  // namespace bpfgate::deb
