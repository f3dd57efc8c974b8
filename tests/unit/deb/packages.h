// SPDX-License-Identifier: MIT
// Packages built by dpkg-deb(1).
#pragma once

#include <string>

#include "peers.h"

namespace bpfgate::test {

class Packages : public Bench {
 public:
  // NAME_VERSION.deb of what is in the directory NAME.
  std::string build(const std::string& name, const std::string& version,
                    const std::string& architecture = "all") const {
    run("mkdir -p " + name + "/DEBIAN && printf 'Package: " + name + "\\nVersion: " + version + "\\nArchitecture: " +
        architecture + "\\nMaintainer: Nobody <nobody@example.org>\\nDescription: x\\n' >" + name + "/DEBIAN/control");
    std::string file = name + "_" + version + ".deb";
    run("dpkg-deb --root-owner-group --build " + name + " " + file);
    return *this / file;
  }
};

}  // namespace bpfgate::test
