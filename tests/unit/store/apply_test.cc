// SPDX-License-Identifier: MIT
// Without seals, which need a file system with fs-verity; those are for real kernels.
#include "store/apply.h"

#include <catch2/catch_test_macros.hpp>

#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::store;
using test::Bench;

namespace {

// root/usr/sbin/a and b, and signatures of both by fsverity(1).
class Host : public Bench {
 public:
  Host() {
    run("mkdir -p root/usr/sbin root/etc; seq 100 >root/usr/sbin/a; seq 200 >root/usr/sbin/b");
    make_signer("k");
    make_signer("other");
    application.root = path() / "root";
    application.seal = false;
  }

  [[nodiscard]] Entry entry(const std::string& path) const {
    std::string digest = run("fsverity digest --compact root" + path);
    run("fsverity sign --key=k.key --cert=k.pem root" + path + " sig");
    std::string hex = run("od -An -v -tx1 sig | tr -d ' \\n'");
    return {path, fsverity::digest_from_string("sha256:" + digest.substr(0, 64)).value(), from_hex(hex).value()};
  }

  Outcome apply_one(const Entry& entry) const { return apply({"p", {entry}}, application).at(0).outcome.value(); }

  [[nodiscard]] bool is_signed(const std::string& path) const {
    return test::run_shell("getfattr --only-values -n user.bpf_prog_sig '" + *this / ("root" + path) + "' | cmp - '" +
                           *this / "sig" + "'")
               .status == 0;
  }

  Application application;
};

}  // namespace

TEST_CASE("a signature is put on the file that it is of, once") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a");
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
  CHECK(host.apply_one(entry) == Outcome::Applied);
  CHECK(host.is_signed("/usr/sbin/a"));
  CHECK(host.apply_one(entry) == Outcome::AlreadyThere);
}

TEST_CASE("of several versions the one that is there counts") {
  Host host;
  Entry old = host.entry("/usr/sbin/a");
  host.run("seq 300 >root/usr/sbin/a");
  CHECK(host.apply_one(old) == Outcome::OtherContent);
  Entry current = host.entry("/usr/sbin/a");
  auto applied = apply({"p", {old, current}}, host.application);
  REQUIRE(applied.size() == 1);
  CHECK(applied[0].outcome.value() == Outcome::Applied);
  CHECK(host.is_signed("/usr/sbin/a"));
}

TEST_CASE("what is not there, and what nobody has signed yet, is told apart") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a");
  entry.path = "/usr/sbin/c";
  CHECK(host.apply_one(entry) == Outcome::Absent);
  entry.path = "/usr/sbin/a/below";
  CHECK(host.apply_one(entry) == Outcome::Absent);
  entry = host.entry("/usr/sbin/a");
  entry.signature.clear();
  CHECK(host.apply_one(entry) == Outcome::NoSignature);
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
}

TEST_CASE("only signatures by the certificate that is named are put on files") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a");
  auto other = crypto::Certificate::load(host / "other.pem").value();
  host.application.certificate = &other;
  auto applied = apply({"p", {entry}}, host.application);
  CHECK(applied.at(0).outcome.error().kind == ErrorKind::Refused);
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
  auto own = crypto::Certificate::load(host / "k.pem").value();
  host.application.certificate = &own;
  CHECK(host.apply_one(entry) == Outcome::Applied);
  // Of another file of the same signer's.
  entry.path = "/usr/sbin/b";
  CHECK(host.apply_one(entry) == Outcome::OtherContent);
}

TEST_CASE("symbolic links do not lead out of the root") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a");
  host.run("mkdir outside && mv root/usr/sbin/a outside/a && ln -s ../../../outside/a root/usr/sbin/a");
  CHECK(host.apply_one(entry) == Outcome::Absent);
  host.run("ln -sf " + host / "outside/a" + " root/usr/sbin/a");
  CHECK(host.apply_one(entry) == Outcome::Absent);
  // Within it they are followed: /sbin may be one.
  host.run("rm root/usr/sbin/a; mv outside/a root/etc/a; ln -s /etc/a root/usr/sbin/a; ln -s usr/sbin root/sbin");
  entry.path = "/sbin/a";
  CHECK(host.apply_one(entry) == Outcome::Applied);
  CHECK(host.is_signed("/etc/a"));
}

TEST_CASE("what is no regular file is an error of its own, and the rest is applied") {
  Host host;
  Entry good = host.entry("/usr/sbin/b"), bad = good;
  bad.path = "/usr/sbin";
  host.run("mkfifo root/usr/sbin/fifo");
  Entry fifo = good;
  fifo.path = "/usr/sbin/fifo";
  auto applied = apply({"p", {good, bad, fifo}}, host.application);
  REQUIRE(applied.size() == 3);
  CHECK(applied[0].outcome.error().message == "/usr/sbin: not a regular file");
  CHECK(applied[1].outcome.value() == Outcome::Applied);
  CHECK(applied[2].outcome.error().message == "/usr/sbin/fifo: not a regular file");
  host.application.root = host.path() / "nowhere";
  for (const Applied& one : apply({"p", {good, bad}}, host.application)) CHECK_FALSE(one.outcome);
}
