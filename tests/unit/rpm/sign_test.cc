// SPDX-License-Identifier: MIT
#include "rpm/sign.h"

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstring>

#include <catch2/catch_test_macros.hpp>

#include "packages.h"

using namespace bpfgate;
using test::everything;
using test::named;
using test::PackageBench;

namespace {

struct Fixture {
  PackageBench bench;
  crypto::Certificate certificate = make();
  crypto::Signer signer =
      crypto::Signer::create(bench / "a.key", certificate, crypto::passphrase_from_file("/nonexistent")).value();

  std::vector<rpm::SignedFile> sign(const rpm::Request& request) const {
    Result<std::vector<rpm::SignedFile>> done = rpm::sign_package(bench.package(), rpm::signing_by(signer), request);
    INFO((done ? "" : done.error().message));
    REQUIRE(done);
    return *done;
  }

  [[nodiscard]] Bytes bytes() const { return read_file(bench.package(), 64 << 20).value(); }

  // From the header on: what signing must leave alone. The header begins behind the second of the three magic numbers.
  [[nodiscard]] std::string header_and_payload() const {
    return bench.run(
        "tail -c +$(($(LC_ALL=C grep -abo -P '\\x8e\\xad\\xe8\\x01' demo.rpm | sed -n 2p | cut -d: -f1) + 1)) demo.rpm "
        "|"
        "sha256sum");
  }

 private:
  crypto::Certificate make() {
    bench.make_signer("a");
    bench.run(
        "mkdir -p content/usr/bin content/var/lib; head -c 300000 /dev/zero >content/usr/bin/large;"
        "echo program >content/usr/bin/first; ln content/usr/bin/first content/usr/bin/second;"
        "ln -s first content/usr/bin/symbolic; : >content/usr/bin/empty; : >content/var/lib/demo");
    bench.make_package();
    return crypto::Certificate::load(bench / "a.pem").value();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "entries are what fsverity sign writes; those of other files are empty") {
  auto done = sign({everything()});
  CHECK(done.size() == 4);
  for (const char* name : {"/usr/bin/large", "/usr/bin/empty", "/usr/bin/first", "/usr/bin/second", "/etc/demo.conf"}) {
    INFO(name);
    CHECK(bench.entry(name) == bench.golden(name));
  }
  for (const char* name : {"/usr/bin/symbolic", "/usr/bin", "/var/lib/demo"}) CHECK(bench.entry(name).empty());
  CHECK(bench.run("rpm -qp --qf %{VERITYSIGNATUREALGO} demo.rpm 2>/dev/null") == "1");
}

TEST_CASE_METHOD(Fixture,
                 "rpm finds the package in order, header and payload are as they were, and so are length and mode") {
  bench.run("chmod 640 demo.rpm");
  const std::string before = header_and_payload();
  const size_t size = bytes().size();
  sign({named({"/usr/bin/large"})});
  CHECK(bench.run("rpm -K demo.rpm 2>/dev/null") == "demo.rpm: digests OK\n");
  CHECK(header_and_payload() == before);
  CHECK(bytes().size() == size);
  struct stat status;
  REQUIRE(::stat(bench.package().c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
}

TEST_CASE_METHOD(Fixture, "hard links have one signature, whichever name was meant") {
  rpm::Choice second{[](const rpm::File& file) { return file.names.back() == "/usr/bin/second"; },
                     [](const rpm::File&, int) -> Result<bool> { return true; }};
  auto done = sign({second});
  REQUIRE(done.size() == 1);
  CHECK(done[0].names == std::vector<std::string>{"/usr/bin/first", "/usr/bin/second"});
  CHECK(to_string(done[0].digest) == bench.run("fsverity digest content/usr/bin/first").substr(0, 71));
  CHECK(bench.entry("/usr/bin/first") == bench.golden("/usr/bin/first"));
  CHECK(bench.entry("/usr/bin/second") == bench.entry("/usr/bin/first"));
  CHECK(bench.entry("/usr/bin/large").empty());
}

TEST_CASE_METHOD(Fixture, "signing again adds; --replace takes away; nothing chosen changes nothing") {
  sign({named({"/usr/bin/large"})});
  const std::string large = bench.entry("/usr/bin/large");
  sign({named({"/usr/bin/empty"})});
  CHECK(bench.entry("/usr/bin/large") == large);
  CHECK(bench.entry("/usr/bin/empty") == bench.golden("/usr/bin/empty"));
  const Bytes signed_twice = bytes();
  CHECK(sign({named({})}).empty());
  CHECK(bytes() == signed_twice);
  sign({named({"/usr/bin/empty"}), fsverity::Algorithm::Sha256, true});
  CHECK(bench.entry("/usr/bin/large").empty());
}

TEST_CASE_METHOD(Fixture, "without signatures the package is the one that was built, but for the order of its tags") {
  const std::string before = header_and_payload();
  const Bytes built = bytes();
  sign({everything()});
  sign({named({}), fsverity::Algorithm::Sha256, true});
  CHECK(bytes().size() == built.size());
  CHECK(header_and_payload() == before);
  CHECK(bench.run("rpm -qp --qf '%{VERITYSIGNATUREALGO} [%{VERITYSIGNATURES}]' demo.rpm 2>/dev/null") == "(none) ");
}

TEST_CASE_METHOD(Fixture, "one algorithm for all files of a package") {
  sign({named({"/usr/bin/large"}), fsverity::Algorithm::Sha512});
  CHECK(bench.entry("/usr/bin/large") == bench.golden("/usr/bin/large", "--hash-alg=sha512"));
  CHECK(bench.run("rpm -qp --qf %{VERITYSIGNATUREALGO} demo.rpm 2>/dev/null") == "2");
  const Bytes before = bytes();
  auto refused = rpm::sign_package(bench.package(), rpm::signing_by(signer), {named({"/usr/bin/empty"})});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::Invalid);
  CHECK(refused.error().remedy.find("--replace") != std::string::npos);
  CHECK(bytes() == before);
  sign({named({"/usr/bin/empty"}), fsverity::Algorithm::Sha256, true});
  CHECK(bench.entry("/usr/bin/large").empty());
  CHECK(bench.entry("/usr/bin/empty") == bench.golden("/usr/bin/empty"));
}

TEST_CASE("more signatures than there is room for make the package longer, and stay readable") {
  PackageBench bench;
  bench.make_signer("a");
  bench.run(
      "mkdir -p content/usr/bin content/var/lib; : >content/var/lib/demo;"
      "for i in $(seq 40); do echo $i >content/usr/bin/f$i; done");
  bench.make_package();
  auto certificate = crypto::Certificate::load(bench / "a.pem").value();
  auto signer =
      crypto::Signer::create(bench / "a.key", certificate, crypto::passphrase_from_file("/nonexistent")).value();
  const auto size = read_file(bench.package(), 64 << 20).value().size();
  REQUIRE(rpm::sign_package(bench.package(), rpm::signing_by(signer), {everything()}));
  CHECK(read_file(bench.package(), 64 << 20).value().size() > size);
  CHECK(bench.run("rpm -K demo.rpm 2>/dev/null") == "demo.rpm: digests OK\n");
  for (const char* name : {"/usr/bin/f1", "/usr/bin/f40"}) CHECK(bench.entry(name) == bench.golden(name));
  rpm::Package package = rpm::Package::open(bench.package()).value();
  for (const rpm::File& file : package.files()) CHECK(file.signature);
}

TEST_CASE_METHOD(Fixture, "a refusal leaves the package as it was") {
  const Bytes before = bytes();
  rpm::Choice refuse{[](const rpm::File&) { return true; },
                     [](const rpm::File& file, int) -> Result<bool> {
                       if (file.names.front() == "/usr/bin/large") return fail(ErrorKind::Refused, "no");
                       return true;
                     }};
  auto done = rpm::sign_package(bench.package(), rpm::signing_by(signer), {refuse});
  REQUIRE_FALSE(done);
  CHECK(done.error().kind == ErrorKind::Refused);
  CHECK(bytes() == before);
}

// The package, while it is written, comes to the end of what a file may have.
TEST_CASE_METHOD(Fixture, "a full disk leaves the package as it was, and no temporary beside it") {
  const Bytes before = bytes();
  rlimit old;
  REQUIRE(::getrlimit(RLIMIT_FSIZE, &old) == 0);
  auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit{before.size() - 1, old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &limit) == 0);
  auto done = rpm::sign_package(bench.package(), rpm::signing_by(signer), {named({"/usr/bin/first"})});
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &old) == 0);
  std::signal(SIGXFSZ, old_handler);
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find(std::strerror(EFBIG)) != std::string::npos);
  CHECK(bytes() == before);
  CHECK(bench.run("ls -A | grep -c rpm") == "1\n");
}

TEST_CASE_METHOD(Fixture, "what nobody says the digest of is signed only for who insists") {
  bench.forget_header_digest();
  const Bytes before = bytes();
  auto refused = rpm::sign_package(bench.package(), rpm::signing_by(signer), {named({"/usr/bin/first"})});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::Refused);
  CHECK(refused.error().remedy.find("--allow-undigested") != std::string::npos);
  CHECK(bytes() == before);
  rpm::Request insisting{named({"/usr/bin/first"})};
  insisting.allow_undigested = true;
  CHECK(sign(insisting).size() == 1);
}
