// SPDX-License-Identifier: MIT
// Signatures beside the files: what rpm's plugin makes of stores, in rpm's order. Sealing needs a file system for it.
#include "stores.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>

#include "base/io.h"
#include "evidence/evidence.h"
#include "peers.h"

using namespace bpfgate;
using rpm_plugin::Stores;

namespace {

struct Fixture {
  test::Bench bench;
  Stores stores{bench.path().string()};
  bool has_seals = false;

  Fixture() {
    bench.make_signer("a");
    bench.run("mkdir -p usr/bin usr/lib/bpfgate/sigs.d; printf first >usr/bin/first; printf second >usr/bin/second");
    bench.run("for n in first second; do fsverity sign --key=a.key --cert=a.pem usr/bin/$n $n.sig; done");
    has_seals = fsverity::is_supported(open_file(bench / "usr/bin/first", O_RDONLY).value().get()).value();
  }

  [[nodiscard]] Bytes signature(const std::string& name) const {
    return read_file(bench / (name + ".sig"), 1 << 16).value();
  }

  // `content`: the file whose digest and signature the entry has.
  [[nodiscard]] store::Entry entry(const std::string& name, const std::string& content) const {
    store::Entry made;
    made.path = "/usr/bin/" + name;
    made.digest = fsverity::compute(bench / ("usr/bin/" + content), {}).value();
    made.signature = signature(content);
    return made;
  }

  std::string write_store(const std::string& package, std::vector<store::Entry> entries) const {
    store::Store made;
    made.package = package;
    made.entries = std::move(entries);
    const std::string name = "/usr/lib/bpfgate/sigs.d/" + package + ".json";
    REQUIRE(write_file_atomically(bench / name.substr(1), as_bytes(store::to_text(made))));
    return name;
  }

  // One package, from its first file to its last; some may carry signatures of their own.
  std::vector<std::string> install(const std::vector<std::string>& names, const std::string& signed_name = "",
                                   bool is_anybody_named = true) {
    std::map<std::string, bool> all;
    for (const std::string& name : names) all[name] = name == signed_name;
    stores.begin(all);
    for (const std::string& name : names)
      stores.commit(bench / name.substr(1), [&](ByteView, const fsverity::Digest&) -> Result<> {
        if (!is_anybody_named) return fail(ErrorKind::Refused, "by nobody named");
        return {};
      });
    return stores.finish();
  }

  [[nodiscard]] bool is_signed(const std::string& name) const {
    UniqueFd fd = open_file(bench / ("usr/bin/" + name), O_RDONLY).value();
    auto found = get_xattr(fd.get(), evidence::signature_xattr).value();
    return found && *found == signature(name);
  }

  // What is said where all is well, but for the seals.
  void check_done(const std::vector<std::string>& failures, size_t files) const {
    CHECK(failures.size() == (has_seals ? 0 : files));
    for (const std::string& failure : failures) CHECK(failure.find("fs-verity") != std::string::npos);
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "a package's own store: its files get their signatures, whichever has its name first") {
  const std::string store = write_store("demo", {entry("first", "first"), entry("second", "second")});
  const std::vector<std::string> names =
      GENERATE_REF(std::vector<std::string>{"/usr/bin/first", store, "/usr/bin/second"},
                   std::vector<std::string>{"/usr/bin/first", "/usr/bin/second", store},
                   std::vector<std::string>{store, "/usr/bin/first", "/usr/bin/second"});
  check_done(install(names), 2);
  CHECK(is_signed("first"));
  CHECK(is_signed("second"));
}

// In an upgrade the store that is there before is the old version's, and so is the file when the new store comes first.
TEST_CASE_METHOD(Fixture, "an upgrade, file by file") {
  write_store("demo", {entry("first", "second")});
  const std::string store = "/usr/lib/bpfgate/sigs.d/demo.json";
  const bool is_store_first = GENERATE(false, true);
  const auto all_good = [](ByteView, const fsverity::Digest&) { return Result<>(); };
  const store::Entry next = entry("first", "first");
  stores.begin({{"/usr/bin/first", false}, {store, false}});
  if (is_store_first) bench.write("usr/bin/first", "old");
  if (!is_store_first) stores.commit(bench / "usr/bin/first", all_good);
  write_store("demo", {next});
  stores.commit(bench / store.substr(1), all_good);
  if (is_store_first) {
    bench.write("usr/bin/first", "first");
    stores.commit(bench / "usr/bin/first", all_good);
  }
  check_done(stores.finish(), 1);
  CHECK(is_signed("first"));
}

TEST_CASE_METHOD(Fixture, "a companion that came before, and one that comes after") {
  const std::string store = write_store("companion", {entry("first", "first")});
  REQUIRE(std::filesystem::remove(bench / "usr/bin/first"));
  CHECK(install({store}).empty());
  bench.write("usr/bin/first", "first");
  check_done(install({"/usr/bin/first"}), 1);
  CHECK(is_signed("first"));
  const std::string late = write_store("late", {entry("second", "second")});
  check_done(install({late}), 1);
  CHECK(is_signed("second"));
}

TEST_CASE_METHOD(Fixture, "a store that was taken away counts no more") {
  const std::string store = write_store("demo", {entry("first", "first")});
  CHECK(install({"/usr/bin/second"}).empty());
  stores.begin({{store, false}});
  REQUIRE(std::filesystem::remove(bench / store.substr(1)));
  CHECK(install({"/usr/bin/first"}).empty());
  CHECK_FALSE(is_signed("first"));
}

TEST_CASE_METHOD(Fixture, "what a package itself has signed is not what a store says") {
  const std::string store = write_store("demo", {entry("first", "first"), entry("second", "second")});
  check_done(install({"/usr/bin/first", "/usr/bin/second", store}, "/usr/bin/first"), 1);
  CHECK_FALSE(is_signed("first"));
  CHECK(is_signed("second"));
}

TEST_CASE_METHOD(Fixture, "what is of other content or unsigned is said of the package's own files only") {
  std::string store = write_store("demo", {entry("first", "second")});
  std::vector<std::string> failures = install({"/usr/bin/first", store});
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].find("none that counts is of its content") != std::string::npos);
  CHECK_FALSE(is_signed("first"));
  CHECK(install({store}).empty());
  store::Entry unsigned_entry = entry("first", "first");
  unsigned_entry.signature.clear();
  write_store("demo", {unsigned_entry});
  failures = install({"/usr/bin/first", store});
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].find("nobody has signed it yet") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "what is by nobody named is put on no file, of this package or another") {
  const std::string store = write_store("demo", {entry("first", "first"), entry("second", "second")});
  std::vector<std::string> failures = install({"/usr/bin/first", store}, "", false);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].starts_with("/usr/bin/first: "));
  CHECK_FALSE(is_signed("first"));
  CHECK_FALSE(is_signed("second"));
}

TEST_CASE_METHOD(Fixture, "a store that cannot be read is said, and keeps no other from counting") {
  bench.write("usr/lib/bpfgate/sigs.d/broken.json", "{");
  const std::string store = write_store("demo", {entry("first", "first")});
  std::vector<std::string> failures = install({"/usr/bin/first", store});
  CHECK(std::ranges::count_if(failures, [](const std::string& failure) {
          return failure.find("broken.json") != std::string::npos;
        }) == 1);
  CHECK(is_signed("first"));
}
