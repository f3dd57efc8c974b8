// SPDX-License-Identifier: MIT
// What rpm asks its plugin, in rpm's order, and with somebody else at work in the same directory. Sealing needs a file
// system for it: tests/vm/gate/rpm.sh.
#include "delivery.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "base/io.h"
#include "evidence/evidence.h"
#include "peers.h"

using namespace bpfgate;
using rpm_plugin::Contents;
using rpm_plugin::Delivery;
using rpm_plugin::Stores;
using test::Bench;

namespace {

struct Fixture {
  Bench bench;
  Bytes signature = make();
  std::string written = bench / "file;temporary";
  std::string final_name = bench / "file";

  [[nodiscard]] crypto::Certificate certificate(const std::string& name) const {
    return crypto::Certificate::load(bench / (name + ".pem")).value();
  }

  // As of a package with two files, of which the second is signed.
  [[nodiscard]] static Contents contents(Bytes entry) {
    return {fsverity::Algorithm::Sha256, {{"/usr/bin/other", {}}, {"/usr/bin/file", std::move(entry)}}, true};
  }

  // The host's files are below the bench.
  [[nodiscard]] Delivery untold(const std::string& signer = "a") const {
    std::vector<crypto::Certificate> certificates;
    if (!signer.empty()) certificates.push_back(certificate(signer));
    return Delivery(std::move(certificates), Stores(bench.path().string()));
  }

  [[nodiscard]] Delivery delivery(Bytes entry, const std::string& signer = "a") const {
    Delivery made = untold(signer);
    REQUIRE(made.begin(contents(std::move(entry))));
    return made;
  }

  [[nodiscard]] static std::optional<Bytes> signature_of(const std::string& path) {
    return get_xattr(open_file(path, O_RDONLY).value().get(), evidence::signature_xattr).value();
  }

  void rename() const { std::filesystem::rename(written, final_name); }

 private:
  Bytes make() {
    bench.make_signer("a");
    bench.make_signer("b");
    bench.write("file;temporary", "content");
    bench.run("fsverity sign --key=a.key --cert=a.pem 'file;temporary' a.sig");
    return read_file(bench / "a.sig", 1 << 16).value();
  }
};

void check_refused(const Result<>& done, const std::string& text) {
  REQUIRE_FALSE(done);
  INFO(done.error().message);
  CHECK(done.error().message.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "a good signature is put on the file while it has its temporary name") {
  Delivery good = delivery(signature);
  UniqueFd fd = open_file(written, O_WRONLY).value();
  REQUIRE(good.prepare(1, fd.get(), written.c_str(), final_name));
  CHECK(signature_of(written) == signature);
}

TEST_CASE_METHOD(Fixture, "files without a signature are left alone, and so are those that the list does not have") {
  Delivery good = delivery(signature);
  REQUIRE(good.prepare(0, -1, written.c_str(), final_name));
  REQUIRE(good.prepare(2, -1, written.c_str(), final_name));
  REQUIRE(good.prepare(0, -1, "/nonexistent", final_name));
  CHECK_FALSE(signature_of(written));
  CHECK(good.finish(true).empty());
}

TEST_CASE_METHOD(Fixture, "a signature by another, or none at all, refuses the package before there is any content") {
  check_refused(untold("b").begin(contents(signature)), "/usr/bin/file: its signature is by nobody named");
  check_refused(untold().begin(contents(Bytes(100, 'x'))), "/usr/bin/file: ");
  check_refused(untold("").begin(contents(Bytes(100, 'x'))), "/usr/bin/file: ");
  check_refused(untold("").begin(contents(Bytes(evidence::max_signature_size + 1))), "larger than the gate reads");
  CHECK(untold("").begin(contents(signature)));
  CHECK(untold("b").begin(contents({})));
}

TEST_CASE_METHOD(Fixture, "a signature of other content is refused when there is content, and not put anywhere") {
  bench.write("file;temporary", "other content");
  check_refused(delivery(signature).prepare(1, -1, written.c_str(), final_name), "not of this content");
  CHECK_FALSE(signature_of(written));
}

TEST_CASE_METHOD(Fixture, "without certificates the form is all that is looked at") {
  bench.write("file;temporary", "other content");
  bench.run("chmod +x 'file;temporary'");
  Delivery any = delivery(signature, "");
  REQUIRE(any.prepare(1, -1, written.c_str(), final_name));
  CHECK(signature_of(written) == signature);
}

TEST_CASE_METHOD(Fixture, "without certificates what is no code is left as it is, and said") {
  Delivery any = delivery(signature, "");
  REQUIRE(any.prepare(1, -1, written.c_str(), final_name));
  CHECK_FALSE(signature_of(written));
  rename();
  any.commit(final_name.c_str());
  std::vector<std::string> failures = any.finish(true);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].find("neither executable nor ELF") != std::string::npos);
  // Whoever has named certificates knows whose it is.
  bench.run("mv file 'file;temporary'");
  REQUIRE(delivery(signature).prepare(1, -1, written.c_str(), final_name));
  CHECK(signature_of(written) == signature);
}

TEST_CASE_METHOD(Fixture, "a signature that does not fit refuses no package") {
  // More than a block has room for. What another file beside it has room for says whether the file system has it all
  // the same.
  bench.run("cp 'file;temporary' probe && chmod +x 'file;temporary'");
  const Bytes filler(3900, 'x');
  for (const std::string& file : {written, bench / "probe"})
    (void)set_xattr(open_file(file, O_RDONLY).value().get(), "user.filler", filler);
  const Result<> probe =
      set_xattr(open_file(bench / "probe", O_RDONLY).value().get(), evidence::signature_xattr, signature);
  const std::optional<Bytes> expected = probe ? std::optional(signature) : std::nullopt;
  Delivery any = delivery(signature, "");
  REQUIRE(any.prepare(1, -1, written.c_str(), final_name));
  CHECK(signature_of(written) == expected);
  CHECK(any.finish(false).empty());
  Delivery again = delivery(signature, "");
  REQUIRE(again.prepare(1, -1, written.c_str(), final_name));
  const std::vector<std::string> failures = again.finish(true);
  REQUIRE(failures.size() == 1);
  INFO(failures[0]);
  CHECK(failures[0].find(probe ? "is not where it was installed" : probe.error().message) != std::string::npos);
  CHECK(signature_of(written) == expected);
}

TEST_CASE_METHOD(Fixture, "without rpm's descriptor, no link of somebody's leads to another file") {
  bench.run("mkdir real && printf content >'real/file;temporary' && ln -s real way && chmod g+w real");
  const std::string there = bench / "way/file;temporary";
  Delivery good = delivery(signature);
  REQUIRE(good.prepare(1, -1, there.c_str(), final_name));
  CHECK_FALSE(signature_of(there));
  std::vector<std::string> failures = good.finish(true);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].find("a link leads there") != std::string::npos);
  // With it, links are as good as directories.
  UniqueFd fd = open_file(there, O_WRONLY).value();
  REQUIRE(delivery(signature).prepare(1, fd.get(), there.c_str(), final_name));
  CHECK(signature_of(there) == signature);
}

TEST_CASE_METHOD(Fixture, "a file in the place of the one that rpm has written is refused") {
  UniqueFd fd = open_file(written, O_WRONLY).value();
  bench.run("rm 'file;temporary'; printf content >'file;temporary'");
  check_refused(delivery(signature).prepare(1, fd.get(), written.c_str(), final_name), "replaced");
  bench.run("printf content >victim; ln -sf victim 'file;temporary'");
  (void)delivery(signature).prepare(1, -1, written.c_str(), final_name);
  CHECK_FALSE(signature_of(bench / "victim"));
}

TEST_CASE_METHOD(Fixture, "what is somebody else's when rpm is done is not sealed, and said") {
  for (const char* replacement : {"rm file", "rm file; printf content >file", "printf x >victim; ln -sf victim file"}) {
    INFO(replacement);
    bench.write("file;temporary", "content");
    Delivery good = delivery(signature);
    REQUIRE(good.prepare(1, -1, written.c_str(), final_name));
    rename();
    bench.run("cp -l file kept && " + std::string(replacement));
    good.commit(final_name.c_str());
    std::vector<std::string> failures = good.finish(true);
    REQUIRE(failures.size() == 1);
    CHECK(failures[0].find("is not where it was installed") != std::string::npos);
    bench.run("rm -f kept file victim");
  }
}

TEST_CASE_METHOD(Fixture, "what has been changed since is not sealed, and said") {
  Delivery good = delivery(signature);
  REQUIRE(good.prepare(1, -1, written.c_str(), final_name));
  rename();
  bench.write("file", "changed");
  good.commit(final_name.c_str());
  std::vector<std::string> failures = good.finish(true);
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].find("somebody has changed it") != std::string::npos);
  CHECK_FALSE(fsverity::measure(open_file(final_name, O_RDONLY).value().get()).value());
}

TEST_CASE_METHOD(Fixture, "every failure is said once, and nothing of a package that is not installed") {
  Delivery good = delivery(signature);
  REQUIRE(good.prepare(1, -1, written.c_str(), final_name));
  CHECK(good.finish(false).empty());
  REQUIRE(good.begin(contents(signature)));
  REQUIRE(good.prepare(1, -1, written.c_str(), final_name));
  rename();
  good.commit(final_name.c_str());
  good.commit(final_name.c_str());  // as of another name of the same file
  UniqueFd fd = open_file(final_name, O_RDONLY).value();
  const bool is_sealed = fsverity::measure(fd.get()).value().has_value();
  CHECK(good.finish(true).size() == (is_sealed ? 0 : 1));
  CHECK(good.finish(true).empty());
}

namespace {

// A package whose file is signed by "a" in its header, and by somebody in a store of the package.
struct StoreFixture : Fixture {
  std::string file = bench / "usr/bin/file";
  std::string store = "/usr/lib/bpfgate/sigs.d/demo.json";
  fsverity::Digest digest;
  bool has_seals = false;

  StoreFixture() {
    bench.run("mkdir -p usr/bin usr/lib/bpfgate/sigs.d && mv 'file;temporary' usr/bin/file && chmod +x usr/bin/file");
    digest = fsverity::compute(file, {}).value();
    has_seals = fsverity::is_supported(open_file(file, O_RDONLY).value().get()).value();
  }

  [[nodiscard]] Bytes signature_by(const std::string& signer) const {
    bench.run("fsverity sign --key=" + signer + ".key --cert=" + signer + ".pem usr/bin/file " + signer + ".sig");
    return read_file(bench / (signer + ".sig"), 1 << 16).value();
  }

  // What the plugin says. In the order of the names, in which the store comes after the file, or the other way round.
  [[nodiscard]] std::vector<std::string> install(const store::Entry& entry, const std::string& named,
                                                 bool is_store_first) const {
    store::Store made;
    made.package = "demo";
    made.entries = {entry};
    REQUIRE(write_file_atomically(bench / store.substr(1), as_bytes(store::to_text(made))));
    Delivery delivery = untold(named);
    REQUIRE(delivery.begin({algorithm, {{"/usr/bin/file", signature}, {store, {}}}, true}));
    delivery.settle();  // as before %pre
    REQUIRE(delivery.prepare(0, -1, file.c_str(), "/usr/bin/file"));
    if (is_store_first) delivery.commit((bench / store.substr(1)).c_str());
    delivery.commit(file.c_str());
    if (named.empty()) CHECK_FALSE(measured());
    if (!is_store_first) delivery.commit((bench / store.substr(1)).c_str());
    delivery.settle();
    CHECK(measured().has_value() == has_seals);
    return delivery.finish(true);
  }

  [[nodiscard]] std::optional<fsverity::Digest> measured() const {
    return fsverity::measure(open_file(file, O_RDONLY).value().get()).value();
  }

  // Those that are not about seals, which there may be none of here; of these there is one then.
  [[nodiscard]] std::vector<std::string> without_seals(std::vector<std::string> failures) const {
    CHECK(std::erase_if(failures, [](const std::string& failure) {
            return failure.find("fs-verity") != std::string::npos;
          }) == (has_seals ? 0 : 1));
    return failures;
  }

  fsverity::Algorithm algorithm = fsverity::Algorithm::Sha256;
};

}  // namespace

TEST_CASE_METHOD(StoreFixture, "the algorithm in a header that nobody has proven seals nothing that a store lists") {
  algorithm = fsverity::Algorithm::Sha512;
  const bool is_store_first = GENERATE(false, true);
  CHECK(without_seals(install({"/usr/bin/file", digest, signature}, "", is_store_first)).empty());
  CHECK(signature_of(file) == signature);
  if (has_seals) CHECK(measured() == digest);
}

TEST_CASE_METHOD(StoreFixture, "a signature of a header gives way to one in a store, and that is said") {
  const Bytes theirs = signature_by("b");
  const bool is_store_first = GENERATE(false, true);
  const std::vector<std::string> failures =
      without_seals(install({"/usr/bin/file", digest, theirs}, "", is_store_first));
  REQUIRE(failures.size() == 1);
  CHECK(failures[0].find("in the place of the one in its package's header") != std::string::npos);
  CHECK(signature_of(file) == theirs);
  if (has_seals) CHECK(measured() == digest);
}

TEST_CASE_METHOD(StoreFixture, "what no store has a signature of is sealed as the header says") {
  store::Entry entry = {"/usr/bin/file", digest, {}};
  const bool is_store_first = GENERATE(false, true);
  CHECK(without_seals(install(entry, "", is_store_first)).empty());
  CHECK(signature_of(file) == signature);
  if (has_seals) CHECK(measured() == digest);
}

TEST_CASE_METHOD(StoreFixture, "a signature that was compared with a certificate goes before those in stores") {
  const bool is_store_first = GENERATE(false, true);
  CHECK(without_seals(install({"/usr/bin/file", digest, signature_by("b")}, "a", is_store_first)).empty());
  CHECK(signature_of(file) == signature);
  if (has_seals) CHECK(measured() == digest);
}
