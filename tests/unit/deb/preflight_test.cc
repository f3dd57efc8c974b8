// SPDX-License-Identifier: MIT
// By IMA digests, which make evidence of a file that is not sealed: sealing takes a file system with fs-verity.
#include "deb/preflight.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "packages.h"

using namespace bpfgate;
using namespace bpfgate::deb;
using evidence::Reason;
using evidence::Verdict;

namespace {

// HOST/usr/sbin/tool and .../library.so are installed, listed by what they hold now. Packages bring files below HOST,
// too.
class Host : public test::Packages {
 public:
  Host() {
    run("mkdir -p host/usr/sbin && echo tool-1 >host/usr/sbin/tool && echo library-1 >host/usr/sbin/library.so && "
        "echo other-1 >host/usr/sbin/other");
    trust.ima = true;
    list("host/usr/sbin/tool", evidence::Role::Loader);
    list("host/usr/sbin/library.so", evidence::Role::Library);
  }

  void list(const std::string& file, evidence::Role role) {
    std::string hex = run("sha256sum " + file).substr(0, 64);
    ima::Digest digest{ima::Algorithm::Sha256, from_hex(hex).value()};
    trust.digests.push_back({digest, role, {}});
  }

  // In package `name` the file host/usr/sbin/FILE holds `content`.
  void put(const std::string& name, const std::string& file, const std::string& content) const {
    std::string directory = name + path().string() + "/host/usr/sbin";
    run("mkdir -p " + directory + " && echo " + content + " >" + directory + "/" + file);
  }

  [[nodiscard]] std::vector<Loss> losses(const std::vector<Change>& changes) const {
    auto installed = [this](const std::string& package) -> Result<std::vector<std::string>> {
      if (package != "p") return std::vector<std::string>{};
      std::vector<std::string> files;
      for (const char* file : {"host/usr/sbin", "host/usr/sbin/tool", "host/usr/sbin/library.so", "host/usr/sbin/other",
                               "host/usr/sbin/gone"})
        files.push_back(*this / file);
      return files;
    };
    return losses_by(changes, trust, installed).value();
  }

  evidence::Trust trust;
};

}  // namespace

TEST_CASE("a loader that would be replaced by a file without evidence is a loss") {
  Host host;
  host.put("p", "tool", "tool-2");
  host.put("p", "other", "other-2");
  auto losses = host.losses({{"p", "2", host.build("p", "2")}});
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].package == "p");
  CHECK(losses[0].version == "2");
  CHECK(losses[0].path == host / "host/usr/sbin/tool");
  CHECK(losses[0].now == Verdict::Loader);
}

TEST_CASE("one that has evidence again is none, nor is one that stays as it is, nor one that goes") {
  Host host;
  host.put("p", "tool", "tool-2");
  host.put("p", "library.so", "library-1");
  host.run("echo tool-2 >new");
  host.list("new", evidence::Role::Loader);
  CHECK(host.losses({{"p", "2", host.build("p", "2")}}).empty());
  host.run("rm -r p");
  CHECK(host.losses({{"p", "3", host.build("p", "3")}}).empty());
}

TEST_CASE("what was a loader and would be a library is a loss, and the other way round none") {
  Host host;
  host.run("echo tool-2 >new");
  host.list("new", evidence::Role::Library);
  host.put("p", "tool", "tool-2");
  auto losses = host.losses({{"p", "2", host.build("p", "2")}});
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].now == Verdict::Loader);
  host.run("rm -r p; echo library-2 >new");
  host.list("new", evidence::Role::Loader);
  host.put("p", "library.so", "library-2");
  CHECK(host.losses({{"p", "3", host.build("p", "3")}}).empty());
}

TEST_CASE("a library's loss counts, and that a file has gone to another package") {
  Host host;
  host.put("q", "library.so", "library-2");
  auto losses = host.losses({{"p", "2", host.build("p", "2")}, {"q", "1", host.build("q", "1")}});
  REQUIRE(losses.size() == 1);
  CHECK(losses[0].package == "q");
  CHECK(losses[0].now == Verdict::Library);
}

TEST_CASE("where nothing has evidence, no package is looked at") {
  Host host;
  host.trust.digests.clear();
  CHECK(host.losses({{"p", "2", host / "missing.deb"}}).empty());
  host.trust.ima = false;
  CHECK(host.losses({{"p", "2", host / "missing.deb"}}).empty());
}

TEST_CASE("a package that cannot be read is an error where it matters") {
  Host host;
  auto none = [&](const std::string&) -> Result<std::vector<std::string>> {
    return std::vector<std::string>{host / "host/usr/sbin/tool"};
  };
  auto losses = losses_by({{"p", "2", host / "missing.deb"}}, host.trust, none);
  REQUIRE_FALSE(losses);
  CHECK(losses.error().message.find("missing.deb") != std::string::npos);
}

TEST_CASE("what dpkg knows of packages") {
  CHECK(files_by_dpkg()("no-such-package-of-anybody").value().empty());
  auto files = files_by_dpkg()("dpkg").value();
  CHECK(std::ranges::find(files, "/usr/bin/dpkg") != files.end());
  test::Packages packages;
  packages.run("mkdir p");
  CHECK(change_of(packages.build("p", "1.2-3")).value() == Change{"p", "1.2-3", packages / "p_1.2-3.deb"});
  packages.build("p", "2", "amd64");
  CHECK(change_of(packages / "p_2.deb").value().package == "p:amd64");
  CHECK_FALSE(change_of(packages / "missing.deb"));
}
