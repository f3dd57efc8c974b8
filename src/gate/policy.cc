// SPDX-License-Identifier: MIT
#include "gate/policy.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <set>

#include "base/io.h"
#include "gate/gate.h"

namespace bpfgate::gate {
namespace {

static_assert(manifest::kMaxGrants <= GATE_MAX_GRANTS);
static_assert(manifest::kMaxDigests + manifest::kMaxRevokedDigests <= GATE_MAX_DIGESTS);
static_assert(manifest::kMaxNameBytes < GATE_NAME_SIZE);

using manifest::Role;

// Of the kernel's list, which grows with every file.
constexpr size_t max_measurements = size_t{64} << 20;

template <size_t Size>
void copy_name(char (&target)[Size], const std::string& name) {
  std::memset(target, 0, Size);
  std::memcpy(target, name.data(), std::min(name.size(), Size - 1));
}

uint32_t role_number(Role role) {
  switch (role) {
    case Role::Loader:
      return GATE_ROLE_LOADER;
    case Role::Library:
      return GATE_ROLE_LIBRARY;
    case Role::Manifest:
      break;  // signs no code
  }
  return GATE_ROLE_UNSET;
}

uint32_t mode_number(manifest::Mode mode) {
  switch (mode) {
    case manifest::Mode::Audit:
      return GATE_MODE_AUDIT;
    case manifest::Mode::Enforce:
    case manifest::Mode::Off:  // compile() refuses it
      break;
  }
  return GATE_MODE_ENFORCE;
}

// A group of signers, by their places in the manifest (gate/signers.h).
using Group = std::vector<size_t>;

// The old policy's keyring of the same signers is still in use while the new one is made, so names carry the time.
std::string keyring_name(const manifest::Manifest& manifest, const Group& group) {
  std::string name = "bpfgate:" + manifest.signers[group.front()].name;
  if (group.size() > 1) name += "+" + std::to_string(group.size() - 1);
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return name + ":" + std::to_string(now.count());
}

Result<keyring::Keyring> make_keyring(const manifest::Manifest& manifest, const Signers& signers, const Group& group) {
  TRY_ASSIGN(keyring::Keyring ring, keyring::Keyring::create(keyring_name(manifest, group)));
  for (size_t place : group)
    TRY(ring.add_certificate("bpfgate:" + manifest.signers[place].name, signers.certificates[place].der()));
  TRY(ring.protect());
  return ring;
}

// The kernel never looks at these; a change of a sealed gate does (gate/seal.h).
Result<gate_authority> authority_record(const manifest::Signer& signer, const crypto::Certificate& certificate) {
  Bytes der = certificate.der();
  if (der.size() > GATE_MAX_CERTIFICATE)
    return fail(ErrorKind::Invalid,
                signer.certificate_path + " (signer " + signer.name + ") is larger than " +
                    std::to_string(GATE_MAX_CERTIFICATE) + " bytes",
                "use a certificate with fewer extensions for signing manifests");
  gate_authority record = {};
  record.length = static_cast<uint32_t>(der.size());
  copy_name(record.name, signer.name);
  std::copy(der.begin(), der.end(), record.certificate);
  return record;
}

gate_signer signer_record(const manifest::Manifest& manifest, const manifest::Signer& signer, keyring::Serial serial) {
  gate_signer record = {};
  record.keyring = serial;
  record.role = role_number(signer.role);
  record.grants = grant_set(manifest, signer.grants);
  copy_name(record.name, signer.name);
  return record;
}

// Of one that is listed, or revoked.
gate_digest digest_record(const auto& one) {
  gate_digest digest = {};
  digest.algorithm = one.algorithm | (one.kind == manifest::DigestKind::Ima ? GATE_DIGEST_IMA : 0);
  digest.size = static_cast<uint16_t>(one.digest.size());
  std::copy(one.digest.begin(), one.digest.end(), digest.value);
  return digest;
}

struct BytesBefore {
  bool operator()(const gate_digest& a, const gate_digest& b) const { return std::memcmp(&a, &b, sizeof(a)) < 0; }
};

// A digest that is both listed and revoked has one record: it is revoked.
void add_digests(const manifest::Manifest& manifest, Policy& policy) {
  std::set<gate_digest, BytesBefore> revoked;
  for (const manifest::RevokedDigest& one : manifest.revoked.digests) revoked.insert(digest_record(one));
  for (const gate_digest& digest : revoked)
    policy.digests.emplace_back(digest, gate_listed_digest{0, GATE_ROLE_REVOKED, 0});
  for (const manifest::ListedDigest& listed : manifest.digests) {
    gate_digest digest = digest_record(listed);
    if (revoked.contains(digest)) continue;
    policy.digests.emplace_back(digest,
                                gate_listed_digest{grant_set(manifest, listed.grants), role_number(listed.role), 0});
  }
}

gate_policy header_of(const manifest::Manifest& manifest) {
  gate_policy header = {};
  header.sequence = manifest.sequence;
  header.flags = manifest.evidence.ima ? GATE_POLICY_IMA : 0U;
  header.mode = mode_number(manifest.mode);
  header.default_grants = grant_set(manifest, manifest.default_grants);
  header.grant_count = static_cast<uint32_t>(manifest.grants.size());
  header.digest_count = static_cast<uint32_t>(manifest.digests.size());
  header.revoked_count = static_cast<uint32_t>(manifest.revoked.digests.size());
  auto hash = crypto::sha256(as_bytes(manifest::canonical_text(manifest)));
  std::copy(hash.begin(), hash.end(), header.hash);
  copy_name(header.name, manifest.name);
  return header;
}

evidence::Role offline_role(Role role) {
  return role == Role::Loader ? evidence::Role::Loader : evidence::Role::Library;
}

// The algorithm of this host's IMA, as its first measurement has it; without a policy it makes none, and has no digests
// for the gate: "10 HASH ima-sig sha256:DIGEST boot_aggregate".
std::optional<ima::Algorithm> ima_of_host() {
  auto measured = read_text_file("/sys/kernel/security/ima/ascii_runtime_measurements", max_measurements);
  if (!measured) return std::nullopt;
  std::string first = measured->substr(0, measured->find('\n'));
  for (ima::Algorithm algorithm : ima::algorithms)
    if (first.find(" " + std::string(ima::name_of(algorithm)) + ":") != std::string::npos) return algorithm;
  return std::nullopt;
}

evidence::Digest offline_digest(const auto& listed) {
  if (listed.kind == manifest::DigestKind::Ima)
    return ima::Digest{static_cast<ima::Algorithm>(listed.algorithm), listed.digest};
  return fsverity::Digest{static_cast<fsverity::Algorithm>(listed.algorithm), listed.digest};
}

Result<> add_authorities(const manifest::Manifest& manifest, const Signers& signers, Policy& policy) {
  for (size_t i = 0; i < manifest.signers.size(); ++i) {
    if (manifest.signers[i].role != Role::Manifest || signers.revoked[i]) continue;
    TRY_ASSIGN(gate_authority authority, authority_record(manifest.signers[i], signers.certificates[i]));
    policy.authorities.push_back(authority);
  }
  policy.header.authority_count = static_cast<uint32_t>(policy.authorities.size());
  if (policy.authorities.size() <= GATE_MAX_AUTHORITIES) return {};
  return fail(ErrorKind::Invalid,
              "the manifest has more than " + std::to_string(GATE_MAX_AUTHORITIES) + " signers of role \"manifest\"",
              "remove some");
}

Result<> add_keyrings(const manifest::Manifest& manifest, const Signers& signers, Policy& policy) {
  const std::vector<Group> groups = keyring_groups(manifest, signers);
  if (groups.size() > GATE_MAX_KEYRINGS)
    return fail(
        ErrorKind::Invalid,
        "/signers: they need " + std::to_string(groups.size()) + " keyrings, and at most " +
            std::to_string(GATE_MAX_KEYRINGS) + " fit",
        "there is one for each role and set of grants, and one for each further certificate with the same issuer "
        "and serial number, or the same subject key identifier: give more signers the same grants");
  for (const Group& group : groups) {
    TRY_ASSIGN(keyring::Keyring ring, make_keyring(manifest, signers, group));
    policy.signers.push_back(signer_record(manifest, manifest.signers[group.front()], ring.serial()));
    policy.keyrings.push_back(std::move(ring));
    policy.header.signer_count += static_cast<uint32_t>(group.size());
  }
  policy.header.keyring_count = static_cast<uint32_t>(groups.size());
  return {};
}

// Keyring by keyring, as the kernel tries them.
void trust_signers(const manifest::Manifest& manifest, const Signers& signers, evidence::Trust& trust) {
  size_t keyring = 0;
  for (const Group& group : keyring_groups(manifest, signers)) {
    ++keyring;
    for (size_t place : group) {
      const manifest::Signer& signer = manifest.signers[place];
      trust.signers.push_back(
          {signer.name, offline_role(signer.role), &signers.certificates[place], signer.grants, keyring});
    }
  }
}

}  // namespace

void Policy::keep_keyrings() {
  for (keyring::Keyring& ring : keyrings) ring.keep();
}

std::string policy_hash(const manifest::Manifest& manifest) {
  return to_hex(crypto::sha256(as_bytes(manifest::canonical_text(manifest))));
}

Result<Policy> compile(const manifest::Manifest& manifest) {
  if (manifest.mode == manifest::Mode::Off)
    return fail(ErrorKind::Invalid, "/mode: a manifest of mode \"off\" is for bpfgate gate unload",
                "Use mode \"audit\" or \"enforce\".");
  Policy policy;
  policy.header = header_of(manifest);
  TRY_ASSIGN(policy.grants, compile_grants(manifest));
  TRY_ASSIGN(Signers signers, read_signers(manifest));
  TRY(add_authorities(manifest, signers, policy));
  TRY(add_keyrings(manifest, signers, policy));
  add_digests(manifest, policy);
  return policy;
}

Result<OfflineTrust> offline_trust(const manifest::Manifest& manifest) {
  OfflineTrust offline;
  if (auto algorithm = manifest.evidence.ima ? ima_of_host() : std::nullopt) {
    offline.trust.ima = true;
    offline.trust.ima_algorithm = *algorithm;
  }
  TRY_ASSIGN(offline.signers, read_signers(manifest));
  trust_signers(manifest, offline.signers, offline.trust);
  for (const manifest::RevokedDigest& revoked : manifest.revoked.digests)
    offline.trust.revoked.push_back(offline_digest(revoked));
  for (const manifest::ListedDigest& listed : manifest.digests) {
    offline.trust.digests.push_back({offline_digest(listed), offline_role(listed.role), listed.grants});
  }
  return offline;
}

}  // namespace bpfgate::gate
