// SPDX-License-Identifier: MIT
#include "deb/archive.h"

#include <catch2/catch_test_macros.hpp>
#include <map>

#include "base/io.h"
#include "packages.h"

using namespace bpfgate;
using namespace bpfgate::deb;

namespace {

using Contents = std::map<std::string, std::string>;

Result<Contents> contents_of(const std::string& package, const std::function<bool(const std::string&)>& wants) {
  Contents contents;
  Visitor visitor{wants, [&](const std::string& path, int fd) -> Result<> {
                    TRY_ASSIGN(contents[path], read_text_file("/proc/self/fd/" + std::to_string(fd), 1 << 20));
                    return {};
                  }};
  TRY(visit(package, visitor));
  return contents;
}

bool all(const std::string&) { return true; }

}  // namespace

TEST_CASE("regular files are handed out with their content, and what is wanted only") {
  test::Packages packages;
  packages.run(
      "mkdir -p p/usr/sbin p/etc && echo one >p/usr/sbin/a && : >p/etc/empty && ln -s a p/usr/sbin/link && "
      "head -c 300000 /dev/zero >p/large && mkfifo p/fifo");
  std::string package = packages.build("p", "1");
  Contents contents = contents_of(package, all).value();
  CHECK(contents.size() == 3);
  CHECK(contents.at("/usr/sbin/a") == "one\n");
  CHECK(contents.at("/etc/empty").empty());
  CHECK(contents.at("/large").size() == 300000);
  auto is_a = [](const std::string& path) { return path == "/usr/sbin/a"; };
  CHECK(contents_of(package, is_a).value() == Contents{{"/usr/sbin/a", "one\n"}});
}

TEST_CASE("each name of a hard link is a file") {
  test::Packages packages;
  packages.run("mkdir -p p/usr && echo one >p/usr/a && ln p/usr/a p/usr/b && ln p/usr/a p/usr/c && echo two >p/usr/d");
  std::string package = packages.build("p", "1");
  for (const char* name : {"/usr/a", "/usr/b", "/usr/c"}) {
    auto wants = [&](const std::string& path) { return path == name; };
    CHECK(contents_of(package, wants).value() == Contents{{name, "one\n"}});
  }
  CHECK(contents_of(package, all).value().size() == 4);
}

TEST_CASE("what is no package is an error that names it, and so is one that ends early") {
  test::Packages packages;
  packages.run("mkdir -p p && head -c 100000 /dev/urandom >p/x");
  std::string package = packages.build("p", "1");
  packages.run("head -c 50000 p_1.deb >cut.deb; echo text >text.deb");
  for (const char* name : {"cut.deb", "text.deb", "missing.deb"}) {
    auto contents = contents_of(packages / name, all);
    REQUIRE_FALSE(contents);
    CHECK(contents.error().message.starts_with(packages / name + ": "));
  }
}

TEST_CASE("whoever takes a file can end it") {
  test::Packages packages;
  packages.run("mkdir -p p && head -c 3000000 /dev/urandom >p/x && cp p/x p/y");
  Visitor visitor{all, [](const std::string&, int) -> Result<> { return fail(ErrorKind::Refused, "no more"); }};
  CHECK(visit(packages.build("p", "1"), visitor).error().kind == ErrorKind::Refused);
}
