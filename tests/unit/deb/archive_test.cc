// SPDX-License-Identifier: MIT
#include "deb/archive.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "packages.h"

using namespace bpfgate;
using namespace bpfgate::deb;

namespace {

std::vector<std::string> names_of(const Archive& archive) {
  std::vector<std::string> names = archive.names();
  std::ranges::sort(names);
  return names;
}

std::string content_of(Archive& archive, const std::string& name) {
  return read_text_file(archive.find(name).value(), 1 << 20).value();
}

}  // namespace

TEST_CASE("all but directories have names, and their content when it is asked for") {
  test::Packages packages;
  packages.run(
      "mkdir -p p/usr/sbin p/etc && echo one >p/usr/sbin/a && : >p/etc/empty && ln -s a p/usr/sbin/link && "
      "ln p/usr/sbin/a p/usr/sbin/b && mkfifo p/fifo && echo two >'p/etc/a name -> with more'");
  Archive archive = Archive::open(packages.build("p", "1")).value();
  CHECK(names_of(archive) == std::vector<std::string>{"/etc/a name -> with more", "/etc/empty", "/fifo", "/usr/sbin/a",
                                                      "/usr/sbin/b", "/usr/sbin/link"});
  CHECK(content_of(archive, "/usr/sbin/a") == "one\n");
  CHECK(content_of(archive, "/usr/sbin/b") == "one\n");
  CHECK(content_of(archive, "/etc/a name -> with more") == "two\n");
  CHECK(std::filesystem::read_symlink(archive.find("/usr/sbin/link").value()) == "a");
}

TEST_CASE("names that a listing does not tell apart are the right ones all the same") {
  test::Packages packages;
  packages.run(
      "mkdir -p p/usr 'p/a link to b' && echo one >'p/usr/x\\y' && echo two >p/usr/\xc3\xa9 && "
      "ln -s 'b -> c' 'p/usr/a -> b' && ln 'p/usr/x\\y' 'p/a link to b/c'");
  Archive archive = Archive::open(packages.build("p", "1")).value();
  CHECK(names_of(archive) == std::vector<std::string>{"/a link to b/c", "/usr/a -> b", "/usr/x\\y", "/usr/\xc3\xa9"});
  CHECK(content_of(archive, "/usr/x\\y") == "one\n");
  CHECK(content_of(archive, "/a link to b/c") == "one\n");
}

TEST_CASE("a user whose name has blanks shifts no name, nor does an archive without ./") {
  test::Packages packages;
  packages.run("mkdir -p p/usr && echo one >p/usr/x && echo two >p/usr/y");
  packages.build("p", "1");
  packages.run(
      "ar x p_1.deb && tar -C p --owner='a 0 b:1000' --group='c d:1000' -cf data.tar ./usr && "
      "ar rc blank.deb debian-binary control.tar.* data.tar && tar -C p -cf data.tar usr && "
      "ar rc bare.deb debian-binary control.tar.* data.tar");
  for (const char* name : {"blank.deb", "bare.deb"}) {
    Archive archive = Archive::open(packages / name).value();
    CHECK(names_of(archive) == std::vector<std::string>{"/usr/x", "/usr/y"});
    CHECK(content_of(archive, "/usr/x") == "one\n");
  }
}

TEST_CASE("what is unpacked goes away again") {
  test::Packages packages;
  packages.run("mkdir -p p && echo one >p/x");
  std::filesystem::path file;
  {
    Archive archive = Archive::open(packages.build("p", "1")).value();
    file = archive.find("/x").value();
    Archive moved = std::move(archive);
    CHECK(std::filesystem::exists(file));
  }
  CHECK_FALSE(std::filesystem::exists(file.parent_path()));
}

TEST_CASE("what is no package is an error that names it, and so is one that ends early") {
  test::Packages packages;
  packages.run("mkdir -p p && head -c 100000 /dev/urandom >p/x");
  std::string package = packages.build("p", "1");
  packages.run("head -c 50000 p_1.deb >cut.deb; echo text >text.deb");
  for (const char* name : {"cut.deb", "text.deb", "missing.deb"}) {
    auto archive = Archive::open(packages / name);
    REQUIRE_FALSE(archive);
    CHECK(archive.error().message.starts_with(packages / name + ": "));
  }
}
