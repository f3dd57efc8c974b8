// SPDX-License-Identifier: MIT
// Without seals, which need a file system with fs-verity; those are for real kernels.
#include "store/apply.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::store;
using test::Bench;

namespace {

// root/usr/sbin/a and b, and signatures of both by fsverity(1).
class Host : public Bench {
 public:
  Host() {
    run("mkdir -p root/usr/sbin root/etc; seq 100 >root/usr/sbin/a; seq 200 >root/usr/sbin/b; chmod +x "
        "root/usr/sbin/*");
    make_signer("k");
    make_signer("other");
    root = open_file(path() / "root", O_PATH | O_DIRECTORY).value();
    application.root = root.get();
    application.seal = false;
  }

  [[nodiscard]] Entry entry(const std::string& path, const std::string& signer = "k") const {
    std::string digest = run("fsverity digest --compact root" + path);
    run("fsverity sign --key=" + signer + ".key --cert=" + signer + ".pem root" + path + " sig");
    std::string hex = run("od -An -v -tx1 sig | tr -d ' \\n'");
    return {path, fsverity::digest_from_string("sha256:" + digest.substr(0, 64)).value(), from_hex(hex).value()};
  }

  Outcome apply_one(const Entry& entry) const { return store::apply({entry}, application).at(0).outcome.value(); }

  [[nodiscard]] bool is_signed(const std::string& path) const {
    return test::run_shell("getfattr --only-values -n user.bpf_prog_sig '" + *this / ("root" + path) + "' | cmp - '" +
                           *this / "sig" + "'")
               .status == 0;
  }

  UniqueFd root;
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
  auto applied = store::apply({old, current}, host.application);
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
  auto applied = store::apply({entry}, host.application);
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
  auto applied = store::apply({good, bad, fifo}, host.application);
  REQUIRE(applied.size() == 3);
  CHECK(applied[0].outcome.error().message == "/usr/sbin: not a regular file");
  CHECK(applied[1].outcome.value() == Outcome::Applied);
  CHECK(applied[2].outcome.error().message == "/usr/sbin/fifo: not a regular file");
}

namespace {

// A policy that trusts the signer.
struct Policy {
  Policy(const Host& host, const std::string& signer, evidence::Role role = evidence::Role::Loader,
         std::vector<std::string> grants = {})
      : certificate(crypto::Certificate::load(host / (signer + ".pem")).value()) {
    trust.signers.push_back({signer, role, &certificate, std::move(grants)});
  }
  crypto::Certificate certificate;
  evidence::Trust trust;
};

}  // namespace

TEST_CASE("a signature that is there stays when a store comes with another") {
  Host host;
  Entry theirs = host.entry("/usr/sbin/a", "other"), ours = host.entry("/usr/sbin/a");
  CHECK(host.apply_one(ours) == Outcome::Applied);
  for (const auto& entries : {std::vector{theirs, ours}, std::vector{ours, theirs}}) {
    CHECK(store::apply(entries, host.application).at(0).outcome.value() == Outcome::AlreadyThere);
    CHECK(host.is_signed("/usr/sbin/a"));
  }
  // Alone, too: without a policy nobody knows better.
  CHECK(host.apply_one(theirs) == Outcome::Kept);
  // But for who has asked for it.
  auto other = crypto::Certificate::load(host / "other.pem").value();
  host.application.certificate = &other;
  CHECK(host.apply_one(theirs) == Outcome::Applied);
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
  // What no kernel could read is no signature.
  host.application.certificate = nullptr;
  host.run("setfattr -n user.bpf_prog_sig -v 0x3000 root/usr/sbin/a");
  CHECK(host.apply_one(theirs) == Outcome::Applied);
}

TEST_CASE("of several signatures the policy's counts, whoever came first") {
  Host host;
  Entry theirs = host.entry("/usr/sbin/a", "other"), ours = host.entry("/usr/sbin/a");
  Policy policy(host, "k");
  CHECK(host.apply_one(theirs) == Outcome::Applied);
  host.application.trust = &policy.trust;
  CHECK(store::apply({theirs, ours}, host.application).at(0).outcome.value() == Outcome::Applied);
  CHECK(host.is_signed("/usr/sbin/a"));
  // And stays, even where nobody brings it any more.
  CHECK(host.apply_one(theirs) == Outcome::AlreadyThere);
  CHECK(host.is_signed("/usr/sbin/a"));
  // As a loader it is worth more than as a library.
  Policy roles(host, "k", evidence::Role::Library);
  roles.trust.signers.push_back({"other", evidence::Role::Loader, &policy.certificate, {}});
  auto other = crypto::Certificate::load(host / "other.pem").value();
  roles.trust.signers.back().certificate = &other;
  host.application.trust = &roles.trust;
  CHECK(store::apply({ours, theirs}, host.application).at(0).outcome.value() == Outcome::Applied);
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
}

TEST_CASE("what nobody has signed is not said to be signed because something is there") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a"), unsigned_entry = entry;
  unsigned_entry.signature.clear();
  host.run("setfattr -n user.bpf_prog_sig -v 0x3000 root/usr/sbin/a");
  CHECK(host.apply_one(unsigned_entry) == Outcome::NoSignature);
  CHECK(host.apply_one(entry) == Outcome::Applied);
  CHECK(host.apply_one(unsigned_entry) == Outcome::NoSignature);
  Policy policy(host, "k");
  host.application.trust = &policy.trust;
  CHECK(host.apply_one(unsigned_entry) == Outcome::AlreadyThere);
  host.run("cp root/usr/sbin/b root/usr/sbin/a");
  CHECK(host.apply_one(unsigned_entry) == Outcome::OtherContent);
}

TEST_CASE("what the policy makes nothing of is put on no file") {
  Host host;
  Entry theirs = host.entry("/usr/sbin/a", "other"), ours = host.entry("/usr/sbin/a");
  Policy policy(host, "k");
  host.application.trust = &policy.trust;
  CHECK(host.apply_one(theirs) == Outcome::Untrusted);
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
  CHECK(host.apply_one(ours) == Outcome::Applied);
  CHECK(host.is_signed("/usr/sbin/a"));
}

TEST_CASE("a policy with volumes needs no privileges to be applied by") {
  Host host;
  Policy policy(host, "k");
  policy.trust.volumes.push_back({"root", "sha256:" + std::string(64, 'a'), {}});
  policy.trust.signed_volumes = true;
  host.application.trust = &policy.trust;
  CHECK(host.apply_one(host.entry("/usr/sbin/a")) == Outcome::Applied);
}

TEST_CASE("a digest that the policy lists needs no signature, and no policy no digest") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a");
  entry.signature.clear();
  evidence::Trust trust;
  host.application.trust = &trust;
  CHECK(host.apply_one(entry) == Outcome::NoSignature);
  trust.digests.push_back({entry.digest, evidence::Role::Loader, {}});
  // Without a seal, which these tests cannot set, nothing is missing.
  CHECK(host.apply_one(entry) == Outcome::AlreadyThere);
  trust.revoked.emplace_back(entry.digest);
  CHECK(host.apply_one(entry) == Outcome::NoSignature);
}

namespace {

void list_by_ima(const Host& host, evidence::Trust& trust, evidence::Role role, std::vector<std::string> grants) {
  trust.ima = true;
  std::string hex = host.run("sha256sum root/usr/sbin/a").substr(0, 64);
  trust.digests.push_back({ima::Digest{ima::Algorithm::Sha256, from_hex(hex).value()}, role, std::move(grants)});
}

}  // namespace

TEST_CASE("a file that IMA proves is left alone where a store would make less of it") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a");
  Policy library(host, "k", evidence::Role::Library), weaker(host, "k", evidence::Role::Loader, {"full"});
  Policy nobody(host, "other");
  for (Policy* policy : {&library, &weaker, &nobody}) {
    list_by_ima(host, policy->trust, evidence::Role::Loader, {"admin"});
    host.application.trust = &policy->trust;
    CHECK(host.apply_one(entry) == Outcome::Kept);
    CHECK_FALSE(host.is_signed("/usr/sbin/a"));
  }
  Policy same(host, "k", evidence::Role::Loader, {"admin"});
  list_by_ima(host, same.trust, evidence::Role::Loader, {"full"});
  host.application.trust = &same.trust;
  CHECK(host.apply_one(entry) == Outcome::Applied);
}

TEST_CASE("a signature for IMA stays in its place unless another is worth more") {
  Host host;
  Entry entry = host.entry("/usr/sbin/a", "other");
  UniqueFd fd = open_file(host / "root/usr/sbin/a", O_RDONLY).value();
  auto certificate = crypto::Certificate::load(host / "k.pem").value();
  auto signer = crypto::Signer::create(host / "k.key", certificate, {}).value();
  Bytes signature = evidence::sign(ima::compute(fd.get(), ima::Algorithm::Sha256).value(), signer).value();
  REQUIRE(set_xattr(fd.get(), evidence::signature_xattr, signature));
  Policy policy(host, "k", evidence::Role::Loader, {"full"}), other(host, "other", evidence::Role::Loader, {"full"});
  policy.trust.ima = true;
  policy.trust.signers.push_back(other.trust.signers.front());
  host.application.trust = &policy.trust;
  CHECK(host.apply_one(entry) == Outcome::Kept);
  CHECK(get_xattr(fd.get(), evidence::signature_xattr).value() == signature);
  // It is worth nothing before it is sealed.
  policy.trust.signers.back().grants = {"admin"};
  CHECK(host.apply_one(entry) == Outcome::Kept);
  host.application.seal = true;
  const bool can_be_sealed = fsverity::is_supported(fd.get()).value();
  CHECK(host.apply_one(entry) == (can_be_sealed ? Outcome::Applied : Outcome::Kept));
}

TEST_CASE("of two signers of loaders the one with the other's grants counts") {
  Host host;
  Entry ours = host.entry("/usr/sbin/a"), theirs = host.entry("/usr/sbin/a", "other");
  Policy policy(host, "k", evidence::Role::Loader, {"full"}), other(host, "other", evidence::Role::Loader, {"admin"});
  policy.trust.signers.push_back(other.trust.signers.front());
  host.application.trust = &policy.trust;
  CHECK(store::apply({ours, theirs}, host.application).at(0).outcome.value() == Outcome::Applied);
  CHECK(host.is_signed("/usr/sbin/a"));
  // And it takes nothing away: neither includes the other.
  policy.trust.signers[0].grants = {"tracing"};
  CHECK(store::apply({ours, theirs}, host.application).at(0).outcome.value() == Outcome::AlreadyThere);
  policy.trust.signers[0].grants = {"admin", "tracing"};
  CHECK(store::apply({ours, theirs}, host.application).at(0).outcome.value() == Outcome::Applied);
  CHECK_FALSE(host.is_signed("/usr/sbin/a"));
}

TEST_CASE("what is no code is not frozen, whoever says so") {
  Host host;
  host.run("chmod -x root/usr/sbin/a; : >root/etc/.pwd.lock");
  Policy policy(host, "k");
  for (const char* path : {"/usr/sbin/a", "/etc/.pwd.lock"}) {
    Entry entry = host.entry(path);
    for (const evidence::Trust* trust : {static_cast<const evidence::Trust*>(nullptr), &std::as_const(policy.trust)}) {
      host.application.trust = trust;
      CHECK(store::apply({entry}, host.application).at(0).outcome.error().kind == ErrorKind::Refused);
      CHECK_FALSE(host.is_signed(path));
    }
  }
  // A library is ELF, and need not be executable.
  host.run("cp /bin/true root/usr/sbin/a && chmod -x root/usr/sbin/a");
  CHECK(host.apply_one(host.entry("/usr/sbin/a")) == Outcome::Applied);
}

TEST_CASE("one file has one choice, by whatever names it is listed") {
  Host host;
  host.run("ln -s usr/sbin root/sbin");
  Entry own = host.entry("/usr/sbin/a"), companion = own;
  own.signature.clear();
  own.path = "/sbin/a";
  auto applied = store::apply({own, companion}, host.application);
  REQUIRE(applied.size() == 1);
  CHECK(applied[0].names == std::vector<std::string>{"/sbin/a", "/usr/sbin/a"});
  CHECK(applied[0].outcome.value() == Outcome::Applied);
  std::vector<Store> stores = {{"companion", {companion, host.entry("/usr/sbin/b")}}, {"package", {own}}};
  CHECK(entries_for(host.root.get(), stores, [](const Store& store) { return store.package == "package"; }) ==
        std::vector<Entry>{companion, own});
}

TEST_CASE("a package gets what all stores say of its files, and of no others") {
  Host host;
  Entry a = host.entry("/usr/sbin/a"), b = host.entry("/usr/sbin/b"), unsigned_a = a;
  unsigned_a.signature.clear();
  std::vector<Store> stores = {{"companion", {a, b}}, {"package", {unsigned_a}}};
  auto entries = entries_for(host.root.get(), stores, [](const Store& store) { return store.package == "package"; });
  CHECK(entries == std::vector<Entry>{a, unsigned_a});
  CHECK(store::apply(entries, host.application).at(0).outcome.value() == Outcome::Applied);
  CHECK(entries_for(host.root.get(), stores, [](const Store&) { return true; }).size() == 3);
  CHECK(entries_for(host.root.get(), stores, [](const Store&) { return false; }).empty());
}
