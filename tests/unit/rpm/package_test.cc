// SPDX-License-Identifier: MIT
#include "rpm/package.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <map>

#include "packages.h"

using namespace bpfgate;
using test::PackageBench;

namespace {

struct Fixture {
  PackageBench bench;

  Fixture() {
    bench.run(
        "mkdir -p content/usr/bin content/var/lib; head -c 300000 /dev/zero >content/usr/bin/large;"
        "echo program >content/usr/bin/first; chmod 755 content/usr/bin/first;"
        "ln content/usr/bin/first content/usr/bin/second; ln content/usr/bin/first content/usr/bin/third;"
        "ln -s first content/usr/bin/symbolic; : >content/usr/bin/empty; : >content/var/lib/demo");
    bench.make_package();
  }

  [[nodiscard]] rpm::Package open() const { return rpm::Package::open(bench.package()).value(); }

  // Names to content, of all that can be unpacked.
  using Contents = std::map<std::vector<std::string>, std::string>;
  [[nodiscard]] static Result<Contents> unpack(const rpm::Package& package) {
    Contents found;
    TRY(package.unpack([](const rpm::File&) { return true; },
                       [&](size_t index, int fd) -> Result<> {
                         TRY_ASSIGN(Bytes content, read_file("/proc/self/fd/" + std::to_string(fd), 1 << 20));
                         found[package.files()[index].names] = std::string(content.begin(), content.end());
                         return {};
                       }));
    return found;
  }
  [[nodiscard]] static Contents contents(const rpm::Package& package) {
    Result<Contents> found = unpack(package);
    REQUIRE(found);
    return *found;
  }

  void damage(const std::string& offset) const {
    bench.run("printf '\\377\\377\\377\\377' | dd of=demo.rpm bs=1 conv=notrunc seek=" + offset + " 2>/dev/null");
  }
};

void check_refused(const std::string& path, const std::string& text) {
  Result<rpm::Package> opened = rpm::Package::open(path);
  REQUIRE_FALSE(opened);
  INFO(opened.error().message);
  CHECK(opened.error().message.starts_with(path + ": "));
  CHECK(opened.error().message.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "regular files with content, hard links as one; no ghosts, symbolic links and directories") {
  rpm::Package package = open();
  auto found = contents(package);
  CHECK(found.size() == 4);
  CHECK(package.files().size() == 4);
  CHECK(found[{"/etc/demo.conf"}] == "setting\n");
  CHECK(found[{"/usr/bin/empty"}].empty());
  CHECK(found[{"/usr/bin/first", "/usr/bin/second", "/usr/bin/third"}] == "program\n");
  CHECK(found[{"/usr/bin/large"}] == std::string(300000, '\0'));
  CHECK_FALSE(package.algorithm());
  for (const rpm::File& file : package.files()) CHECK_FALSE(file.signature);
}

TEST_CASE_METHOD(Fixture, "what is not wanted is not unpacked, and an error of its user ends it with the file's name") {
  rpm::Package package = open();
  int used = 0;
  auto want = [](const rpm::File& file) { return (file.mode & 0100) != 0; };
  Result<> done = package.unpack(want, [&](size_t, int) -> Result<> {
    ++used;
    return fail(ErrorKind::Refused, "not this one");
  });
  REQUIRE_FALSE(done);
  CHECK(used == 1);
  CHECK(done.error().message == bench.package() + ": /usr/bin/first: not this one");
  CHECK(done.error().kind == ErrorKind::Refused);
}

TEST_CASE("every compression that rpmbuild has here") {
  for (const char* payload : {"w9.gzdio", "w7.xzdio", "w9.bzdio", "w3.zstdio"}) {
    INFO(payload);
    PackageBench bench;
    bench.run("mkdir -p content/usr/bin content/var/lib; echo x >content/usr/bin/x; : >content/var/lib/demo");
    bench.make_package("--define '_binary_payload " + std::string(payload) + "'");
    rpm::Package package = rpm::Package::open(bench.package()).value();
    CHECK(Fixture::contents(package)[{"/usr/bin/x"}] == "x\n");
  }
}

TEST_CASE_METHOD(Fixture, "what is no package, or damaged, is refused with its name") {
  bench.run("mkdir directory; : >empty; head -c 50 demo.rpm >short; head -c 2000 demo.rpm >cut; echo text >text");
  check_refused(bench / "missing", "No such file");
  check_refused(bench / "directory", "not a regular file");
  check_refused(bench / "empty", "not an rpm package");
  check_refused(bench / "short", "not an rpm package");
  check_refused(bench / "text", "not an rpm package");
  check_refused(bench / "cut", "signature header cannot be read");
}

TEST_CASE_METHOD(Fixture, "a header that is not the one that was built is refused") {
  // The name of the package's only program, within the header.
  damage("$(grep -abo -m 1 symbolic demo.rpm | head -n 1 | cut -d: -f1)");
  check_refused(bench.package(), "digest");
}

TEST_CASE_METHOD(Fixture, "content that is not the one in the header is refused") {
  bench.make_package("--define '_binary_payload w.ufdio'");
  damage("$(grep -abo program demo.rpm | tail -n 1 | cut -d: -f1)");
  rpm::Package package = open();
  Result<> done = package.unpack([](const rpm::File&) { return true; }, [](size_t, int) -> Result<> { return {}; });
  REQUIRE_FALSE(done);
  INFO(done.error().message);
  CHECK(done.error().kind == ErrorKind::Invalid);
  CHECK(done.error().message.find("/usr/bin/first") != std::string::npos);
}

// Of the leak detector, where there is one.
extern "C" void __lsan_disable() __attribute__((weak));
extern "C" void __lsan_enable() __attribute__((weak));

namespace {

// headerRead() of librpm 4.18 itself does not free what it has read where that is no header.
struct IgnoredLeaks {
  IgnoredLeaks() {
    if (__lsan_disable != nullptr) __lsan_disable();
  }
  IgnoredLeaks(const IgnoredLeaks&) = delete;
  IgnoredLeaks& operator=(const IgnoredLeaks&) = delete;
  ~IgnoredLeaks() {
    if (__lsan_enable != nullptr) __lsan_enable();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "damage of any kind is an error or makes no difference") {
  const Bytes good = read_file(bench.package(), 1 << 20).value();
  const Contents expected = contents(open());
  int same = 0;
  auto look = [&](const Bytes& content) {
    REQUIRE(write_file_atomically(bench / "bad.rpm", content));
    IgnoredLeaks librpm;
    Result<rpm::Package> package = rpm::Package::open(bench / "bad.rpm");
    // Damage can take the header's digest away; what the header says is anybody's word then.
    if (!package || !package->has_header_digest()) return;
    Result<Contents> found = unpack(*package);
    if (!found) return;
    ++same;
    CHECK(*found == expected);
  };
  for (size_t size = 0; size < good.size(); size += 113) look(Bytes(good.begin(), good.begin() + size));
  unsigned state = 1;  // the same damage in each run
  for (int round = 0; round < 500; ++round) {
    Bytes damaged = good;
    for (int i = 0; i < 4; ++i) {
      state = state * 1103515245 + 12345;
      damaged[96 + (state >> 8) % (good.size() - 96)] = static_cast<uint8_t>(state >> 24);
    }
    look(damaged);
  }
  CHECK(same > 0);  // in the signature header, in what nobody reads
}

TEST_CASE_METHOD(Fixture, "a package that does not say its header's digest is told apart") {
  CHECK(open().has_header_digest());
  bench.forget_header_digest();
  CHECK_FALSE(open().has_header_digest());
  CHECK(contents(open()).size() == 4);
}
