// SPDX-License-Identifier: MIT
// Signatures beside the files: what rpm's plugin makes of stores, in rpm's order. Sealing needs a file system for it.
#include "stores.h"

#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <map>
#include <optional>

#include "base/io.h"
#include "evidence/evidence.h"
#include "peers.h"

using namespace bpfgate;
using rpm_plugin::Stores;
using Carried = Stores::Carried;

namespace {

struct Fixture {
  test::Bench bench;
  Stores stores{bench.path().string()};
  bool has_seals = false;

  Fixture() {
    bench.make_signer("a");
    bench.run(
        "mkdir -p usr/bin usr/lib/bpfgate/sigs.d; printf first >usr/bin/first; printf second >usr/bin/second; chmod +x "
        "usr/bin/*");
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
                                   bool is_anybody_named = true, Carried carried = Carried::Proven) {
    std::map<std::string, Carried> all;
    for (const std::string& name : names) all[name] = name == signed_name ? carried : Carried::Nothing;
    stores.begin(all);
    for (const std::string& name : names) stores.commit(bench / name.substr(1));
    stores.settle([&](ByteView, const fsverity::Digest&) -> Result<> {
      if (!is_anybody_named) return fail(ErrorKind::Refused, "by nobody named");
      return {};
    });
    return stores.finish();
  }

  [[nodiscard]] std::optional<Bytes> signature_on(const std::string& name) const {
    UniqueFd fd = open_file(bench / ("usr/bin/" + name), O_RDONLY).value();
    return get_xattr(fd.get(), evidence::signature_xattr).value();
  }
  [[nodiscard]] bool is_signed(const std::string& name) const { return signature_on(name) == signature(name); }

  [[nodiscard]] bool is_untouched(const std::string& name) const {
    UniqueFd fd = open_file(bench / ("usr/bin/" + name), O_RDONLY).value();
    return !signature_on(name) && !fsverity::measure(fd.get()).value();
  }

  // The first file's entry, by another signer.
  [[nodiscard]] store::Entry by_another() const {
    bench.make_signer("b");
    bench.run("fsverity sign --key=b.key --cert=b.pem usr/bin/first b.sig");
    store::Entry made = entry("first", "first");
    made.signature = signature("b");
    return made;
  }

  // The first file anew, as rpm makes it.
  void write_program(const std::string& content) const {
    bench.run("rm -f usr/bin/first; printf " + content + " >usr/bin/first; chmod +x usr/bin/first");
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
  const std::string store = write_store("demo", {entry("first", "second")});
  const bool is_store_first = GENERATE(false, true);
  const auto all_good = [](ByteView, const fsverity::Digest&) { return Result<>(); };
  CHECK(install({"/usr/bin/second"}).empty());  // the store of old has been read
  const store::Entry next = entry("first", "first");
  stores.begin({{"/usr/bin/first", Carried::Nothing}, {store, Carried::Nothing}});
  stores.settle(all_good);  // as before %pre
  if (is_store_first) write_program("old");
  if (!is_store_first) stores.commit(bench / "usr/bin/first");
  write_store("demo", {next});
  stores.commit(bench / store.substr(1));
  if (is_store_first) {
    write_program("first");
    stores.commit(bench / "usr/bin/first");
  }
  CHECK(is_untouched("first"));
  stores.settle(all_good);
  stores.settle(all_good);  // as before %post, and a trigger
  check_done(stores.finish(), 1);
  CHECK(is_signed("first"));
}

// What has no signature may be proven by another evidence, which a seal would take away.
TEST_CASE_METHOD(Fixture, "a companion that came before is applied, and one that comes after left to the policy") {
  const std::string store = write_store("companion", {entry("first", "first")});
  REQUIRE(std::filesystem::remove(bench / "usr/bin/first"));
  CHECK(install({store}).empty());
  write_program("first");
  check_done(install({"/usr/bin/first"}), 1);
  CHECK(is_signed("first"));
  const std::string late = write_store("late", {entry("second", "second")});
  CHECK(install({late}).empty());
  CHECK(is_untouched("second"));
  // When the package is installed anew it was there before.
  check_done(install({"/usr/bin/second"}), 1);
  CHECK(is_signed("second"));
}

TEST_CASE_METHOD(Fixture, "of two stores of one file the package's own goes first, whichever is read first") {
  const bool is_ours_first = GENERATE(false, true);
  const bool is_store_first = GENERATE(false, true);
  // With the companion read before, or with the package's own.
  const bool is_read = GENERATE(false, true);
  const std::string companion = write_store(is_ours_first ? "z" : "a", {by_another()});
  if (is_read) CHECK(install({companion}).empty());
  CHECK(is_untouched("first"));
  std::vector<std::string> names = {write_store("m", {entry("first", "first")}), "/usr/bin/first"};
  if (!is_store_first) std::ranges::reverse(names);
  check_done(install(names), 1);
  CHECK(is_signed("first"));
}

TEST_CASE_METHOD(Fixture, "a companion's signature counts where the package's own store has none of the content") {
  store::Entry none = entry("first", "first");
  none.signature.clear();
  write_store("companion", {entry("first", "first")});
  const bool is_signed_otherwise = GENERATE(false, true);
  const std::string store = write_store("demo", {is_signed_otherwise ? entry("first", "second") : none});
  check_done(install({store, "/usr/bin/first"}), 1);
  CHECK(is_signed("first"));
}

TEST_CASE_METHOD(Fixture, "a store that was taken away counts no more") {
  const std::string store = write_store("demo", {entry("first", "first")});
  CHECK(install({"/usr/bin/second"}).empty());
  stores.begin({{store, Carried::Nothing}}, false);
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

TEST_CASE_METHOD(Fixture, "a store goes before a signature in a header that nobody has compared with a certificate") {
  const std::string store = write_store("demo", {entry("first", "first")});
  const bool is_store_first = GENERATE(false, true);
  bench.run("setfattr -n user.bpf_prog_sig -v 0x$(od -An -v -tx1 second.sig | tr -d ' \\n') usr/bin/first");
  std::vector<std::string> names = {store, "/usr/bin/first"};
  if (!is_store_first) std::ranges::reverse(names);
  check_done(install(names, "/usr/bin/first", true, Carried::Unproven), 1);
  CHECK(is_signed("first"));
  // Another content is said; that nobody has signed it is not, for somebody has: the package.
  write_program("second");
  CHECK(install(names, "/usr/bin/first", true, Carried::Unproven).size() == 1);
  // But not of somebody else's store, which is out of date.
  CHECK(install({"/usr/bin/first"}, "/usr/bin/first", true, Carried::Unproven).empty());
  store::Entry unsigned_entry = entry("second", "second");
  unsigned_entry.path = "/usr/bin/first";
  unsigned_entry.signature.clear();
  write_store("demo", {unsigned_entry});
  CHECK(install(names, "/usr/bin/first", true, Carried::Unproven).empty());
}

TEST_CASE_METHOD(Fixture, "a store takes no signature from a file of another package") {
  bench.run("setfattr -n user.bpf_prog_sig -v 0x$(od -An -v -tx1 first.sig | tr -d ' \\n') usr/bin/first");
  CHECK(install({write_store("late", {by_another()})}).empty());
  CHECK(is_signed("first"));
}

TEST_CASE_METHOD(Fixture, "what was said of a file by a store of old is not said when the new one has nothing on it") {
  const std::string store = write_store("demo", {entry("first", "second")});
  const auto all_good = [](ByteView, const fsverity::Digest&) { return Result<>(); };
  CHECK(install({"/usr/bin/second"}).empty());
  stores.begin({{"/usr/bin/first", Carried::Nothing}, {store, Carried::Nothing}});
  stores.commit(bench / "usr/bin/first");
  write_store("demo", {});
  stores.commit(bench / store.substr(1));
  stores.settle(all_good);
  CHECK(stores.finish().empty());
}

TEST_CASE_METHOD(Fixture, "of two stores the one whose signature counts is applied, whichever is read first") {
  // Of the package itself, too: it goes first among those that count.
  const bool is_ours_own = GENERATE(false, true);
  const bool is_ours_first = GENERATE(false, true);
  const std::string theirs = write_store(is_ours_first ? "z" : "a", {by_another()});
  const std::string ours = write_store("m", {entry("first", "first")});
  const std::string& store = is_ours_own ? ours : theirs;
  auto certificate = crypto::Certificate::load(bench / "a.pem").value();
  stores.begin({{"/usr/bin/first", Carried::Nothing}, {store, Carried::Nothing}});
  for (const std::string& name : {store, std::string("/usr/bin/first")}) stores.commit(bench / name.substr(1));
  stores.settle([&](ByteView bytes, const fsverity::Digest& digest) -> Result<> {
    if (crypto::check_detached(bytes, evidence::signed_message(digest), certificate) == crypto::SignatureCheck::Valid)
      return {};
    return fail(ErrorKind::Refused, "by nobody named");
  });
  check_done(stores.finish(), 1);
  CHECK(is_signed("first"));
}
