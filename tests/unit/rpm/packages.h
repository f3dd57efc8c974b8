// SPDX-License-Identifier: MIT
// Packages by rpmbuild, and what rpm says of them.
#pragma once

#include <cstdlib>

#include "base/io.h"
#include "peers.h"
#include "rpm/sign.h"

namespace bpfgate::test {

class PackageBench : public Bench {
 public:
  // demo.rpm of the directory `content`.
  void make_package(const std::string& options = "") const {
    const char* script = std::getenv("MAKE_PACKAGE");
    if (script == nullptr) throw std::runtime_error("MAKE_PACKAGE is not set");
    run(std::string(script) + " content demo.rpm " + options);
  }

  [[nodiscard]] std::string package() const { return *this / "demo.rpm"; }

  // Gives the tag in the signature header another number, that of nothing.
  void forget_header_digest() const {
    run("python3 -c 'content = open(\"demo.rpm\", \"rb\").read(); tag = (273).to_bytes(4, \"big\") + (6).to_bytes(4, "
        "\"big\"); open(\"demo.rpm\", \"wb\").write(content.replace(tag, (298).to_bytes(4, \"big\") + tag[4:], 1))'");
  }

  // The entry of the signature header for a file, as rpm prints it.
  [[nodiscard]] std::string entry(const std::string& name) const {
    return run("rpm -qp --qf '[%{FILENAMES} %{VERITYSIGNATURES}\\n]' demo.rpm 2>/dev/null | sed -n 's|^" + name +
               " ||p' | tr -d '\\n'");
  }

  // What `fsverity sign` writes for a file, in base64.
  [[nodiscard]] std::string golden(const std::string& file, const std::string& options = "") const {
    run("fsverity sign " + options + " --key=a.key --cert=a.pem content" + file + " golden.sig");
    return run("base64 -w 0 golden.sig");
  }
};

// All files by their names.
inline rpm::Choice named(std::vector<std::string> names) {
  auto may_be = [names = std::move(names)](const rpm::File& file) {
    for (const std::string& name : names)
      if (name == file.names.front()) return true;
    return false;
  };
  return {may_be, [](const rpm::File&, int) -> Result<bool> { return true; }};
}

inline rpm::Choice everything() {
  return {[](const rpm::File&) { return true; }, [](const rpm::File&, int) -> Result<bool> { return true; }};
}

}  // namespace bpfgate::test
