// SPDX-License-Identifier: MIT
// A manifest as the records that the BPF programs read.
#include <bit>
#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "all_of_proc.h"
#include "base/io.h"
#include "gate/gate.h"
#include "gate/lockout.h"
#include "gate/notes.h"
#include "gate/policy.h"
#include "gate/seal.h"
#include "gate/signers.h"
#include "manifest/manifest.h"
#include "peers.h"

using namespace bpfgate;
using bpfgate::test::Bench;

namespace {

Result<Bytes> certificate(const std::filesystem::path& path) {
  return read_file(std::filesystem::path(TEST_CERTIFICATES) / path.filename(), 65536);
}

manifest::Manifest parse(const std::string& text) {
  auto parsed = manifest::parse(text, "/test/policy.json", certificate);
  if (!parsed) FAIL(parsed.error().message);
  return *parsed;
}

const std::string digest = std::string(64, 'a');

// The keyrings of a compiled policy need a kernel with asymmetric keys, so that signers are for the VM tests.
manifest::Manifest sample(const std::string& default_grant = "none") {
  return parse(R"({"bpfgate": 1, "name": "sample", "sequence": 7, "mode": "enforce",
    "digests": [{"kind": "fsverity", "digest": "sha256:)" +
               digest + R"(", "grant": "maps"}],
    "grants": {"maps": {"commands": ["map_create", "prog_load"]}},
    "default": {"grant": ")" +
               default_grant + R"("}})");
}

}  // namespace

TEST_CASE("a policy's header says what it is") {
  auto policy = gate::compile(sample("inspect"));
  REQUIRE(policy);
  CHECK(policy->header.mode == GATE_MODE_ENFORCE);
  CHECK(policy->header.sequence == 7);
  CHECK(std::string(policy->header.name) == "sample");
  CHECK(policy->header.digest_count == 1);
  CHECK(policy->header.generation == GATE_NO_GENERATION);
  CHECK(std::popcount(policy->header.default_grants) == 1);
  CHECK(std::string(policy->grants.grants.at(std::countr_zero(policy->header.default_grants)).name) == "inspect");
  CHECK(to_hex(policy->header.hash) == gate::policy_hash(sample("inspect")));
}

TEST_CASE("a listed digest points to its grant, and the grant has its commands and no other") {
  auto policy = gate::compile(sample());
  REQUIRE(policy);
  REQUIRE(policy->digests.size() == 1);
  const auto& [listed, value] = policy->digests.front();
  CHECK(listed.algorithm == 1);
  CHECK(listed.size == 32);
  CHECK(to_hex({listed.value, 32}) == digest);
  CHECK(value.role == GATE_ROLE_LOADER);
  const gate_grant& grant = policy->grants.grants.at(std::countr_zero(value.grants));
  CHECK(std::string(grant.name) == "maps");
  CHECK(grant.commands == (1ULL << 0 | 1ULL << 5));  // BPF_MAP_CREATE, BPF_PROG_LOAD (include/uapi/linux/bpf.h)
}

TEST_CASE("a volume is its root hash among the digests, and its loaders by inode") {
  auto manifest = parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit",
    "evidence": {"signed_volumes": true},
    "volumes": [{"name": "data", "root_hash": "sha256:)" +
                        std::string(64, 'b') + R"("},
                {"name": "usr", "root_hash": "sha256:)" +
                        digest + R"(",
                 "loaders": [{"path": "/bin/bpftool", "inode": 4711, "grant": "inspect"}]}]})");
  auto policy = gate::compile(manifest);
  REQUIRE(policy);
  CHECK(policy->header.flags == (GATE_POLICY_VOLUMES | GATE_POLICY_SIGNED_VOLUMES));
  REQUIRE(policy->digests.size() == 2);
  const auto& [root_hash, listed] = policy->digests.back();
  CHECK(root_hash.algorithm == (1 | GATE_DIGEST_VOLUME));
  CHECK(to_hex({root_hash.value, root_hash.size}) == digest);
  CHECK(listed.role == GATE_ROLE_LIBRARY);
  CHECK(listed.grants == 0);
  REQUIRE(policy->volume_loaders.size() == 1);
  const auto& [loader, grants] = policy->volume_loaders.front();
  CHECK(loader.volume == listed.volume);
  CHECK(loader.inode == 4711);
  CHECK(std::string(policy->grants.grants.at(std::countr_zero(grants)).name) == "inspect");
  auto offline = gate::offline_trust(manifest);
  REQUIRE(offline);
  CHECK(offline->trust.signed_volumes);
  CHECK(offline->trust.volumes.at(1).root_hash == "sha256:" + digest);
  CHECK(offline->trust.volumes.at(1).loaders.at(4711) == std::vector<std::string>{"inspect"});
}

TEST_CASE("an extension is its digest") {
  std::string text = R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit")";
  auto none = gate::compile(parse(text + "}"));
  REQUIRE(none);
  CHECK(to_hex(none->header.extension) == std::string(64, '0'));
  auto one = gate::compile(parse(text + R"(, "extension": {"path": "x.o", "digest": "sha256:)" + digest + "\"}}"));
  REQUIRE(one);
  CHECK(to_hex(one->header.extension) == digest);
}

TEST_CASE("judging offline trusts the manifest's signers, in their roles") {
  auto offline = gate::offline_trust(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "loaders", "role": "loader", "certificate": "loader.pem", "grant": "full"},
    {"name": "libraries", "role": "library", "certificate": "library.pem"}]})"));
  REQUIRE(offline);
  REQUIRE(offline->trust.signers.size() == 2);
  CHECK(offline->trust.signers[0].role == evidence::Role::Loader);
  CHECK(offline->trust.signers[0].grants == std::vector<std::string>{"full"});
  CHECK(offline->trust.signers[0].certificate->subject() != offline->trust.signers[1].certificate->subject());
  CHECK(offline->trust.signers[1].role == evidence::Role::Library);
}

TEST_CASE("a certificate that is none is named, with its signer, before anything is made in the kernel") {
  auto manifest = parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "loaders", "role": "loader", "certificate": "digests", "grant": "full"}]})");
  auto policy = gate::compile(manifest);
  REQUIRE_FALSE(policy);
  CHECK(policy.error().kind == ErrorKind::Key);
  CHECK(policy.error().message.find("/test/digests (signer loaders)") != std::string::npos);
}

TEST_CASE("one key in two roles is refused, and found in another encoding too") {
  auto as_der = [](const std::filesystem::path& path) -> Result<Bytes> {
    if (path.extension() != ".der") return certificate(path);
    TRY_ASSIGN(Bytes pem, certificate("loader.pem"));
    TRY_ASSIGN(crypto::Certificate parsed, crypto::Certificate::parse(pem, "loader.pem"));
    return parsed.der();
  };
  auto compile = [&](const std::string& second) {
    auto manifest = manifest::parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
      {"name": "loaders", "role": "loader", "certificate": "loader.pem", "grant": "full"},
      {"name": "second", "certificate": "loader.der", )" +
                                        second + "}]}",
                                    "/test/policy.json", as_der);
    if (!manifest) FAIL(manifest.error().message);
    return gate::offline_trust(*manifest);
  };
  for (const char* second : {R"("role": "library")", R"("role": "loader", "grant": "inspect")"}) {
    auto trust = compile(second);
    REQUIRE_FALSE(trust);
    CHECK(trust.error().kind == ErrorKind::Invalid);
    CHECK(trust.error().message.find("could pass for that signer's") != std::string::npos);
  }
  CHECK(compile(R"("role": "loader", "grant": "full")"));
}

TEST_CASE("equal policies have equal hashes, different ones have not") {
  CHECK(gate::policy_hash(sample()) == gate::policy_hash(sample()));
  CHECK(gate::policy_hash(sample()) != gate::policy_hash(sample("inspect")));
}

TEST_CASE("this program, unsigned, would be locked out by a policy that grants nothing") {
  auto locked_out = gate::locked_out_by(sample());
  // That somebody's descriptors cannot be read is not taken for having none.
  REQUIRE(locked_out.has_value() == gate::test::sees_all_of_proc());
  if (!locked_out) return;
  REQUIRE_FALSE(locked_out->empty());
  CHECK(locked_out->front().pid == 0);
  CHECK(locked_out->front().reason == "not-sealed");
}

TEST_CASE("a default grant of everything locks nobody out of bpf(2), but this program of the gate") {
  auto locked_out = gate::locked_out_by(sample("full"));
  REQUIRE(locked_out);
  REQUIRE(locked_out->size() == 1);
  CHECK(locked_out->front().pid == 0);
  CHECK(locked_out->front().reason == "not-sealed");
}

TEST_CASE("a grant of one's own that allows everything locks out as few as \"full\"") {
  auto locked_out = gate::locked_out_by(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "enforce",
    "grants": {"all": {"commands": "any"}}, "default": {"grant": "all"}})"));
  REQUIRE(locked_out);
  CHECK(locked_out->size() == 1);
}

TEST_CASE("a signer of manifests gets a record of its own, and is not asked about files") {
  auto offline = gate::offline_trust(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "policy", "role": "manifest", "certificate": "loader.pem"},
    {"name": "libraries", "role": "library", "certificate": "library.pem"}]})"));
  REQUIRE(offline);
  REQUIRE(offline->trust.signers.size() == 1);
  CHECK(offline->trust.signers[0].name == "libraries");
  auto policy = gate::compile(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "policy", "role": "manifest", "certificate": "loader.pem"}]})"));
  REQUIRE(policy);
  CHECK(policy->header.signer_count == 0);
  CHECK(policy->header.authority_count == 1);
  REQUIRE(policy->authorities.size() == 1);
  CHECK(std::string(policy->authorities[0].name) == "policy");
  CHECK(policy->authorities[0].length > 100);
}

TEST_CASE("options of a grant become its flags") {
  auto policy = gate::compile(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit",
    "grants": {"d": {"commands": "any", "debug": true}, "j": {"commands": "any", "jit": true}}})"));
  REQUIRE(policy);
  std::map<std::string, uint32_t> flags;
  for (const gate_grant& grant : policy->grants.grants) flags[grant.name] = grant.flags;
  CHECK(flags == std::map<std::string, uint32_t>{{"admin", GATE_GRANT_ADMIN},
                                                 {"d", GATE_GRANT_DEBUG},
                                                 {"full", 0},
                                                 {"inspect", 0},
                                                 {"j", GATE_GRANT_JIT},
                                                 {"none", 0},
                                                 {"signed-programs-only", GATE_GRANT_SIGNED}});
}

// Signers of manifests have no keyring, and those of programs each their own: grants name them.
TEST_CASE("a grant for signed programs has its signers by their keyrings, and no plain command") {
  manifest::Manifest manifest = parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "policy", "role": "manifest", "certificate": "impostor.pem"},
    {"name": "loaders", "role": "loader", "certificate": "loader.pem", "grant": "full"},
    {"name": "ours", "role": "program", "certificate": "library.pem"},
    {"name": "theirs", "role": "program", "certificate": "stranger.pem"}],
    "grants": {"its": {"commands": "any", "signed_by": ["theirs"]}}})");
  auto who = gate::read_signers(manifest);
  REQUIRE(who);
  gate::KeyringGroups keyrings = gate::keyring_groups(manifest, *who);
  CHECK(keyrings == gate::KeyringGroups{{1}, {2}, {3}});
  auto records = gate::compile_grants(manifest, keyrings);
  REQUIRE(records);
  std::map<std::string, uint64_t> signers;
  for (const gate_grant& grant : records->grants) {
    signers[grant.name] = grant.program_signers;
    CHECK((grant.flags & GATE_GRANT_SIGNED) == (grant.program_signers ? GATE_GRANT_SIGNED : 0U));
    if (grant.flags & GATE_GRANT_SIGNED) CHECK(grant.plain_commands == 0);
  }
  CHECK(signers.at("its") == 4);
  CHECK(signers.at("signed-programs-only") == 6);
  CHECK(signers.at("full") == 0);
}

TEST_CASE("a signer of programs who is revoked has no keyring, and moves nobody else's") {
  manifest::Manifest manifest = parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "ours", "role": "program", "certificate": "library.pem"},
    {"name": "theirs", "role": "program", "certificate": "stranger.pem"}],
    "grants": {"its": {"commands": "any", "signed_by": ["theirs"]}, "ours": {"commands": "any", "signed_by": ["ours"]}}})");
  auto who = gate::read_signers(manifest);
  REQUIRE(who);
  who->revoked[0] = true;
  gate::KeyringGroups keyrings = gate::keyring_groups(manifest, *who);
  CHECK(keyrings == gate::KeyringGroups{{1}});
  auto records = gate::compile_grants(manifest, keyrings);
  REQUIRE(records);
  for (const gate_grant& grant : records->grants) {
    if (std::string(grant.name) == "its") CHECK(grant.program_signers == 1);
    if (std::string(grant.name) == "ours") CHECK(grant.program_signers == 0);
  }
}

TEST_CASE("a root hash that is revoked counts no more, listed or signed") {
  auto manifest = parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit",
    "volumes": [{"name": "usr", "root_hash": "sha256:)" +
                        digest + R"("}],
    "revoked": {"digests": [{"kind": "volume", "digest": "sha256:)" +
                        digest + R"("}]}})");
  auto policy = gate::compile(manifest);
  REQUIRE(policy);
  REQUIRE(policy->digests.size() == 1);
  CHECK(policy->digests[0].first.algorithm == (1 | GATE_DIGEST_VOLUME));
  CHECK(policy->digests[0].second.role == GATE_ROLE_REVOKED);
  auto offline = gate::offline_trust(manifest);
  REQUIRE(offline);
  CHECK(offline->trust.revoked_root_hashes == std::vector<std::string>{"sha256:" + digest});
  CHECK(offline->trust.revoked.empty());
}

TEST_CASE("signers of programs prove no file") {
  auto offline = gate::offline_trust(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [
    {"name": "ours", "role": "program", "certificate": "loader.pem"}]})"));
  REQUIRE(offline);
  CHECK(offline->trust.signers.empty());
}

TEST_CASE("a manifest of mode off is no policy") {
  auto policy = gate::compile(parse(R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "off"})"));
  REQUIRE_FALSE(policy);
  CHECK(policy.error().message.find("gate unload") != std::string::npos);
}

TEST_CASE("a sealed gate takes orders from the signers of manifests it knows, and newer ones only") {
  auto manifest = sample();
  gate_policy current = {};
  current.sequence = 6;
  std::strcpy(current.name, "sample");
  Bench bench;
  bench.make_signer("policy");
  bench.make_signer("stranger");
  gate_authority authority = {};
  auto der = crypto::Certificate::load(bench / "policy.pem").value().der();
  authority.length = static_cast<uint32_t>(der.size());
  std::copy(der.begin(), der.end(), authority.certificate);
  auto sign = [&](const char* name) {
    std::string base = bench / name;
    auto loaded = crypto::Certificate::load(base + ".pem").value();
    auto signer = crypto::Signer::create(base + ".key", loaded, crypto::passphrase_from_fd(-1)).value();
    return signer.sign_detached(as_bytes(manifest::canonical_text(manifest)), crypto::HashAlgorithm::Sha256).value();
  };
  auto check = [&](ByteView signature) { return gate::check_authorized(manifest, signature, current, {authority}); };
  Bytes good = sign("policy");
  CHECK(check(good));
  CHECK_FALSE(check({}));
  CHECK_FALSE(check(sign("stranger")));
  CHECK_FALSE(check(as_bytes("garbage")));
  CHECK_FALSE(gate::check_authorized(manifest, good, current, {}));
  std::strcpy(current.name, "another");
  CHECK_FALSE(check(good));
  std::strcpy(current.name, "sample");
  current.sequence = 7;
  auto replayed = check(good);
  REQUIRE_FALSE(replayed);
  CHECK(replayed.error().kind == ErrorKind::Refused);
  CHECK(replayed.error().message.find("/sequence: 7 is not higher than 7") != std::string::npos);
  current.sequence = 6;
  manifest.mode = manifest::Mode::Audit;
  CHECK_FALSE(check(good));
}

namespace {

std::string fingerprint_of(const std::string& path) {
  return "sha256:" + to_hex(crypto::Certificate::load(path).value().fingerprint());
}

std::string signer(const std::string& name, const std::string& role, const std::string& certificate) {
  return R"({"name": ")" + name + R"(", "certificate": ")" + certificate + R"(", )" +
         (role == "loader" ? R"("role": "loader", "grant": "full"})" : R"("role": ")" + role + "\"}");
}

std::string manifest_with(const std::string& signers, const std::string& revoked) {
  return R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit", "signers": [)" + signers +
         R"(], "revoked": {)" + revoked + "}}";
}

std::string revoked_certificate(const std::string& fingerprint) {
  return R"("certificates": [{"fingerprint": ")" + fingerprint + R"("}])";
}

}  // namespace

TEST_CASE("a digest that is revoked has one record, whether it is listed or not, and no grant") {
  auto manifest = sample();
  manifest.revoked.digests = {{manifest.digests[0].kind, manifest.digests[0].algorithm, manifest.digests[0].digest, {}},
                              {manifest::DigestKind::Ima, 4, Bytes(32, 1), {}}};
  auto policy = gate::compile(manifest);
  REQUIRE(policy);
  CHECK(policy->header.revoked_count == 2);
  REQUIRE(policy->digests.size() == 2);
  for (const auto& [record, value] : policy->digests) {
    CHECK(value.role == GATE_ROLE_REVOKED);
    CHECK(value.grants == 0);
  }
  CHECK((policy->digests[0].first.algorithm | policy->digests[1].first.algorithm) == (1 | 4 | GATE_DIGEST_IMA));
  auto notes = gate::notes_on(manifest);
  REQUIRE(notes.size() == 1);
  CHECK(notes[0] == "/digests/0: sha256:" + digest + " is listed and revoked: revoked counts");
}

TEST_CASE("a signer whose certificate is revoked is nobody's, in whatever role") {
  const std::string data = TEST_CERTIFICATES "/";
  const std::string signers = signer("loaders", "loader", "loader.pem") + "," +
                              signer("libs", "library", "library.pem") + "," +
                              signer("policy", "manifest", "stranger.pem");
  auto trusted = parse(manifest_with(signers, ""));
  CHECK(gate::has_authority(trusted).value());
  CHECK(gate::offline_trust(trusted)->trust.signers.size() == 2);
  CHECK(gate::notes_on(trusted).empty());
  auto no_loaders = parse(manifest_with(signers, revoked_certificate(fingerprint_of(data + "loader.pem"))));
  auto offline = gate::offline_trust(no_loaders);
  REQUIRE(offline);
  REQUIRE(offline->trust.signers.size() == 1);
  CHECK(offline->trust.signers[0].name == "libs");
  CHECK(gate::keyring_groups(no_loaders, offline->signers) == std::vector<std::vector<size_t>>{{1}});
  CHECK(gate::notes_on(no_loaders) ==
        std::vector<std::string>{"signer loaders: its certificate is revoked, and nothing it has signed counts"});
  auto no_policy = parse(manifest_with(signers, revoked_certificate(fingerprint_of(data + "stranger.pem"))));
  CHECK_FALSE(gate::has_authority(no_policy).value());
  auto notes = gate::notes_on(parse(manifest_with(signers, revoked_certificate("sha256:" + digest))));
  REQUIRE(notes.size() == 1);
  CHECK(notes[0].find("is no signer's") != std::string::npos);
}

TEST_CASE("a grant for signed programs that nobody signs is noted where it is in use") {
  const std::string loaders = signer("loaders", "loader", "loader.pem");
  const std::string note =
      "grant signed-programs-only is for signed programs, and the manifest names nobody who signs any: it allows "
      "nothing";
  auto manifest = parse(manifest_with(loaders, ""));
  CHECK(gate::notes_on(manifest).empty());
  manifest.default_grants = {"none", "signed-programs-only"};
  CHECK(gate::notes_on(manifest) == std::vector{note});
  manifest.default_grants = {"none"};
  manifest.signers[0].grants = {"signed-programs-only"};
  CHECK(gate::notes_on(manifest) == std::vector{note});
  manifest.signers.push_back({"programs", manifest::Role::Program, {}, {}, {}});
  CHECK(gate::notes_on(manifest).empty());
}

TEST_CASE("a revoked certificate that could pass for another signer's must not stay so") {
  Bench bench;
  bench.make_signer("old");
  bench.run("openssl req -x509 -key old.key -days 9 -subj /CN=renewed -out renewed.pem");
  auto trust = [&](const std::string& revoked) {
    auto manifest = manifest::parse(manifest_with(signer("old", "loader", bench / "old.pem") + "," +
                                                      signer("renewed", "loader", bench / "renewed.pem"),
                                                  revoked),
                                    "/test/policy.json", [](const auto& path) { return read_file(path, 65536); });
    if (!manifest) FAIL(manifest.error().message);
    return gate::offline_trust(*manifest);
  };
  CHECK(trust("")->trust.signers.size() == 2);
  auto half = trust(revoked_certificate(fingerprint_of(bench / "old.pem")));
  REQUIRE_FALSE(half);
  CHECK(half.error().kind == ErrorKind::Invalid);
  CHECK(half.error().message.find("is revoked, and has the key of signer \"renewed\"") != std::string::npos);
  auto both = trust(R"("certificates": [{"fingerprint": ")" + fingerprint_of(bench / "old.pem") +
                    R"("}, {"fingerprint": ")" + fingerprint_of(bench / "renewed.pem") + R"("}])");
  REQUIRE(both);
  CHECK(both->trust.signers.empty());
}

TEST_CASE("signers who mean the same share a keyring, unless the kernel could not tell them apart there") {
  // The impostor's certificate has the issuer and serial number of the loader's.
  auto manifest =
      parse(manifest_with(signer("a", "loader", "loader.pem") + "," + signer("libs", "library", "library.pem") + "," +
                              signer("renewed", "loader", "impostor.pem") + "," + signer("b", "loader", "stranger.pem"),
                          ""));
  auto offline = gate::offline_trust(manifest);
  REQUIRE(offline);
  CHECK(gate::keyring_groups(manifest, offline->signers) == std::vector<std::vector<size_t>>{{0, 3}, {1}, {2}});
  std::vector<std::string> names;
  std::vector<size_t> keyrings;
  for (const auto& one : offline->trust.signers) {
    names.push_back(one.name);
    keyrings.push_back(one.keyring);
  }
  CHECK(names == std::vector<std::string>{"a", "b", "libs", "renewed"});
  CHECK(keyrings == std::vector<size_t>{1, 1, 2, 3});
  manifest.signers[3].grants = {"inspect"};
  CHECK(gate::keyring_groups(manifest, offline->signers) == std::vector<std::vector<size_t>>{{0}, {1}, {2}, {3}});
}
