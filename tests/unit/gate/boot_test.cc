// SPDX-License-Identifier: MIT
// What the kernel's command line asks for, and whose policy counts in an initramfs.
#include "gate/boot.h"

#include <catch2/catch_test_macros.hpp>

#include "base/bytes.h"
#include "base/io.h"
#include "crypto/crypto.h"
#include "gate/signers.h"
#include "peers.h"

using namespace bpfgate;
using bpfgate::test::Bench;
using gate::BootChoice;

namespace {

BootChoice choice(std::string_view text) { return gate::boot_choice(text).value(); }

gate::Order signed_by(const Bench& bench, gate::Order order, const std::string& by) {
  std::string base = bench / by;
  auto certificate = crypto::Certificate::load(base + ".pem").value();
  auto signer = crypto::Signer::create(base + ".key", certificate, crypto::passphrase_from_fd(-1)).value();
  std::string signed_text = manifest::canonical_text(order.manifest);
  order.signature = signer.sign_detached(as_bytes(signed_text), crypto::HashAlgorithm::Sha256).value();
  return order;
}

// A policy of `name`, whose next version `signer` may sign; and that version's signature by `by`, who may be nobody.
gate::Order order(const Bench& bench, const std::string& name, unsigned sequence, const std::string& by) {
  std::string text = R"({"bpfgate": 1, "name": ")" + name + R"(", "sequence": )" + std::to_string(sequence) +
                     R"(, "mode": "enforce", "signers": [{"name": "site", "role": "manifest",
                        "certificate": "policy.pem"}]})";
  auto read = [&](const std::filesystem::path& path) { return read_file(bench / path.filename().string(), 65536); };
  gate::Order made{manifest::parse(text, "/test/policy.json", read).value(), {}};
  return by.empty() ? made : signed_by(bench, std::move(made), by);
}

}  // namespace

TEST_CASE("the command line's last word on the gate counts") {
  CHECK(choice("") == BootChoice::AsPolicy);
  CHECK(choice("root=/dev/sda1 quiet\n") == BootChoice::AsPolicy);
  CHECK(choice("quiet bpfgate=off\n") == BootChoice::Off);
  CHECK(choice("bpfgate=audit\tquiet") == BootChoice::Audit);
  CHECK(choice("bpfgate=enforce") == BootChoice::Enforce);
  CHECK(choice("bpfgate=off bpfgate=enforce quiet") == BootChoice::Enforce);
  CHECK(choice("bpfgate=of bpfgate=audit") == BootChoice::Audit);
}

TEST_CASE("what is for others asks for nothing") {
  CHECK(choice("quiet -- bpfgate=off") == BootChoice::AsPolicy);
  CHECK(choice("bpfgate=enforce -- bpfgate=off") == BootChoice::Enforce);
  CHECK(choice("bpfgated=off xbpfgate=off bpfgate") == BootChoice::AsPolicy);
}

TEST_CASE("other parameters are read likewise") {
  CHECK(gate::last_value("lsm=a lsm=b,bpf lsmx=c -- lsm=d", "lsm") == "b,bpf");
  CHECK(gate::last_value("quiet lsm=", "lsm") == "");
  CHECK_FALSE(gate::last_value("quiet lsm -- lsm=d", "lsm"));
}

TEST_CASE("a word that means nothing is an error, not off") {
  for (const char* text : {"bpfgate=", "bpfgate=of", "bpfgate=OFF", "bpfgate=off,audit", "bpfgate=off bpfgate=0"}) {
    auto found = gate::boot_choice(text);
    REQUIRE_FALSE(found);
    CHECK(found.error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("a host's policy replaces the initramfs's if that vouches for it") {
  Bench bench;
  bench.make_signer("policy");
  bench.make_signer("stranger");
  const manifest::Manifest embedded = order(bench, "hosts", 5, "").manifest;
  auto kind = [&](const gate::Order& host) {
    auto allowed = gate::check_may_replace(embedded, host);
    return allowed ? "allowed" : allowed.error().kind == ErrorKind::Refused ? "refused" : "broken";
  };
  CHECK(kind(order(bench, "hosts", 6, "policy")) == std::string("allowed"));
  CHECK(kind(order(bench, "hosts", 6, "")) == std::string("refused"));
  CHECK(kind(order(bench, "hosts", 6, "stranger")) == std::string("refused"));
  CHECK(kind(order(bench, "hosts", 5, "policy")) == std::string("refused"));
  CHECK(kind(order(bench, "hosts", 4, "policy")) == std::string("refused"));
  CHECK(kind(order(bench, "others", 6, "policy")) == std::string("refused"));
  gate::Order off = order(bench, "hosts", 6, "");
  off.manifest.mode = manifest::Mode::Off;
  CHECK(kind(signed_by(bench, off, "policy")) == std::string("refused"));
  gate::Order changed = order(bench, "hosts", 6, "policy");
  changed.manifest.mode = manifest::Mode::Audit;
  CHECK(kind(changed) == std::string("refused"));
}

TEST_CASE("somebody administers a gate if something trusted has the grant") {
  Bench bench;
  bench.make_signer("code");
  auto read = [&](const std::filesystem::path& path) { return read_file(bench / path.filename().string(), 65536); };
  auto has = [&](const std::string& rest) {
    std::string text = R"({"bpfgate": 1, "name": "hosts", "sequence": 1, "mode": "enforce", )" + rest + "}";
    return gate::has_administrator(manifest::parse(text, "/test/policy.json", read).value()).value();
  };
  auto signer = [](const std::string& grant) {
    return R"("signers": [{"name": "code", "role": "loader", "certificate": "code.pem", "grant": ")" + grant + "\"}]";
  };
  const std::string digest = "\"sha256:" + std::string(64, 'a') + "\"";
  CHECK(has(signer("admin")));
  CHECK_FALSE(has(signer("full")));
  CHECK_FALSE(has(R"("signers": [])"));
  auto revoking = [&](const std::string& kind) {
    return R"(, "revoked": {"digests": [{"kind": ")" + kind + R"(", "digest": )" + digest + "}]}";
  };
  const std::string listed = R"("digests": [{"kind": "fsverity", "digest": )" + digest + R"(, "grant": "admin"}])";
  CHECK(has(listed));
  CHECK_FALSE(has(listed + revoking("fsverity")));
  CHECK(has(listed + revoking("ima")));
  auto volume = [&](const std::string& grant) {
    return R"("volumes": [{"name": "v", "root_hash": )" + digest +
           R"(, "loaders": [{"path": "/a", "inode": 7, "grant": ")" + grant + "\"}]}]";
  };
  CHECK(has(volume("admin")));
  CHECK_FALSE(has(volume("full")));
  CHECK_FALSE(has(volume("admin") + revoking("volume")));
  auto certificate = crypto::Certificate::load(bench / "code.pem").value();
  const std::string print = "sha256:" + to_hex(gate::fingerprint_of(certificate));
  CHECK_FALSE(has(signer("admin") + R"(, "revoked": {"certificates": [{"fingerprint": ")" + print + "\"}]}"));
}
