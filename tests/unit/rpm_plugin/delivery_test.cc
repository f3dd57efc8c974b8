// SPDX-License-Identifier: MIT
// What rpm asks its plugin, in rpm's order, and with somebody else at work in the same directory. Sealing needs a file
// system for it: tests/vm/gate/rpm.sh.
#include "delivery.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

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
  Delivery any = delivery(signature, "");
  REQUIRE(any.prepare(1, -1, written.c_str(), final_name));
  CHECK(signature_of(written) == signature);
}

TEST_CASE_METHOD(Fixture, "a file in the place of the one that rpm has written is refused") {
  UniqueFd fd = open_file(written, O_WRONLY).value();
  bench.run("rm 'file;temporary'; printf content >'file;temporary'");
  check_refused(delivery(signature).prepare(1, fd.get(), written.c_str(), final_name), "replaced");
  bench.run("printf content >victim; ln -sf victim 'file;temporary'");
  CHECK_FALSE(delivery(signature).prepare(1, -1, written.c_str(), final_name));
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
