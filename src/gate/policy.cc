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
static_assert(manifest::kMaxDigests + manifest::kMaxRevokedDigests + manifest::kMaxVolumes <= GATE_MAX_DIGESTS);
static_assert(manifest::kMaxVolumes <= GATE_MAX_VOLUMES);
static_assert(manifest::kMaxVolumeLoaders <= GATE_MAX_VOLUME_LOADERS);
static_assert(manifest::kMaxNameBytes < GATE_NAME_SIZE);

using manifest::Role;

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
    case Role::Program:
      return GATE_ROLE_PROGRAM;
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

uint16_t kind_flag(manifest::DigestKind kind) {
  switch (kind) {
    case manifest::DigestKind::FsVerity:
      break;
    case manifest::DigestKind::Ima:
      return GATE_DIGEST_IMA;
    case manifest::DigestKind::Volume:
      return GATE_DIGEST_VOLUME;
  }
  return 0;
}

// Of one that is listed, or revoked.
gate_digest digest_record(const auto& one) {
  gate_digest digest = {};
  digest.algorithm = one.algorithm | kind_flag(one.kind);
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

bool is_revoked(const manifest::Manifest& manifest, const manifest::Volume& volume) {
  return std::ranges::any_of(manifest.revoked.digests, [&](const manifest::RevokedDigest& one) {
    return one.kind == manifest::DigestKind::Volume && one.algorithm == volume.algorithm &&
           one.digest == volume.root_hash;
  });
}

void add_volume(const manifest::Manifest& manifest, const manifest::Volume& volume, uint32_t number, Policy& policy) {
  if (is_revoked(manifest, volume)) return;  // its record says so
  gate_digest root_hash = {};
  root_hash.algorithm = volume.algorithm | GATE_DIGEST_VOLUME;
  root_hash.size = static_cast<uint16_t>(volume.root_hash.size());
  std::copy(volume.root_hash.begin(), volume.root_hash.end(), root_hash.value);
  policy.digests.push_back({root_hash, {.grants = 0, .role = GATE_ROLE_LIBRARY, .volume = number}});
  for (const manifest::VolumeLoader& loader : volume.loaders)
    policy.volume_loaders.push_back(
        {{.bank = 0, .volume = number, .inode = loader.inode}, grant_set(manifest, loader.grants)});
}

bool has_signed_programs(const manifest::Manifest& manifest) {
  return std::any_of(manifest.signers.begin(), manifest.signers.end(),
                     [](const manifest::Signer& signer) { return signer.role == Role::Program; });
}

gate_policy header_of(const manifest::Manifest& manifest) {
  gate_policy header = {};
  header.sequence = manifest.sequence;
  header.flags = (manifest.evidence.ima ? GATE_POLICY_IMA : 0U) |
                 (manifest.volumes.empty() ? 0U : GATE_POLICY_VOLUMES) |
                 (manifest.evidence.signed_volumes ? GATE_POLICY_SIGNED_VOLUMES : 0U) |
                 (has_signed_programs(manifest) ? GATE_POLICY_SIGNED : 0U);
  header.mode = mode_number(manifest.mode);
  header.default_grants = grant_set(manifest, manifest.default_grants);
  header.grant_count = static_cast<uint32_t>(manifest.grants.size());
  header.digest_count = static_cast<uint32_t>(manifest.digests.size());
  header.revoked_count = static_cast<uint32_t>(manifest.revoked.digests.size());
  auto hash = crypto::sha256(as_bytes(manifest::canonical_text(manifest)));
  std::copy(hash.begin(), hash.end(), header.hash);
  if (manifest.extension)
    std::copy(manifest.extension->digest.begin(), manifest.extension->digest.end(), header.extension);
  copy_name(header.name, manifest.name);
  return header;
}

evidence::Role offline_role(Role role) {
  return role == Role::Loader ? evidence::Role::Loader : evidence::Role::Library;
}

evidence::TrustedVolume offline_volume(const manifest::Volume& volume) {
  evidence::TrustedVolume trusted{volume.name, manifest::root_hash_text(volume), {}};
  for (const manifest::VolumeLoader& loader : volume.loaders) trusted.loaders[loader.inode] = loader.grants;
  return trusted;
}

evidence::Digest offline_digest(const auto& listed) {
  if (listed.kind == manifest::DigestKind::Ima)
    return ima::Digest{static_cast<ima::Algorithm>(listed.algorithm), listed.digest};
  return fsverity::Digest{static_cast<fsverity::Algorithm>(listed.algorithm), listed.digest};
}

Result<std::vector<gate_authority>> authorities_among(const manifest::Manifest& manifest, const Signers& signers) {
  std::vector<gate_authority> authorities;
  for (size_t i = 0; i < manifest.signers.size(); ++i) {
    if (manifest.signers[i].role != Role::Manifest || signers.revoked[i]) continue;
    TRY_ASSIGN(gate_authority authority, authority_record(manifest.signers[i], signers.certificates[i]));
    authorities.push_back(authority);
  }
  if (authorities.size() <= GATE_MAX_AUTHORITIES) return authorities;
  return fail(ErrorKind::Invalid,
              "the manifest has more than " + std::to_string(GATE_MAX_AUTHORITIES) + " signers of role \"manifest\"",
              "remove some");
}

Result<> check_keyring_count(const KeyringGroups& groups) {
  if (groups.size() <= GATE_MAX_KEYRINGS) return {};
  return fail(ErrorKind::Invalid,
              "/signers: they need " + std::to_string(groups.size()) + " keyrings, and at most " +
                  std::to_string(GATE_MAX_KEYRINGS) + " fit",
              "there is one for each role and set of grants, one for each signer of programs, and one for each further "
              "certificate with the same issuer and serial number, or the same subject key identifier: give more "
              "signers the same grants");
}

Result<> add_keyrings(const manifest::Manifest& manifest, const Signers& signers, const KeyringGroups& groups,
                      Policy& policy) {
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
      if (signer.role == Role::Program) continue;  // signs no file
      trust.signers.push_back(
          {signer.name, offline_role(signer.role), &signers.certificates[place], signer.grants, keyring});
    }
  }
}

}  // namespace

// "10 HASH ima-sig sha256:DIGEST boot_aggregate". The list grows with every file, and the kernel writes only as much of
// it as is read.
std::optional<ima::Algorithm> ima_of_host() {
  auto first = read_first_line("/sys/kernel/security/ima/ascii_runtime_measurements");
  if (!first) return std::nullopt;
  for (ima::Algorithm algorithm : ima::algorithms)
    if (first->find(" " + std::string(ima::name_of(algorithm)) + ":") != std::string::npos) return algorithm;
  return std::nullopt;
}

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
  TRY_ASSIGN(Signers signers, read_signers(manifest));
  const KeyringGroups keyrings = keyring_groups(manifest, signers);
  TRY(check_keyring_count(keyrings));
  TRY_ASSIGN(policy.grants, compile_grants(manifest, keyrings));
  TRY_ASSIGN(policy.authorities, authorities_among(manifest, signers));
  policy.header.authority_count = static_cast<uint32_t>(policy.authorities.size());
  TRY(add_keyrings(manifest, signers, keyrings, policy));
  add_digests(manifest, policy);
  for (uint32_t number = 0; number < manifest.volumes.size(); ++number)
    add_volume(manifest, manifest.volumes[number], number, policy);
  return policy;
}

Result<std::vector<gate_authority>> authorities_in(const manifest::Manifest& manifest) {
  TRY_ASSIGN(Signers signers, read_signers(manifest));
  return authorities_among(manifest, signers);
}

Result<OfflineTrust> offline_trust(const manifest::Manifest& manifest) {
  OfflineTrust offline;
  if (auto algorithm = manifest.evidence.ima ? ima_of_host() : std::nullopt) {
    offline.trust.ima = true;
    offline.trust.ima_algorithm = *algorithm;
  }
  TRY_ASSIGN(offline.signers, read_signers(manifest));
  trust_signers(manifest, offline.signers, offline.trust);
  for (const manifest::RevokedDigest& revoked : manifest.revoked.digests) {
    if (revoked.kind == manifest::DigestKind::Volume)
      offline.trust.revoked_root_hashes.push_back(manifest::root_hash_text(revoked.algorithm, revoked.digest));
    else
      offline.trust.revoked.push_back(offline_digest(revoked));
  }
  for (const manifest::ListedDigest& listed : manifest.digests) {
    offline.trust.digests.push_back({offline_digest(listed), offline_role(listed.role), listed.grants});
  }
  offline.trust.signed_volumes = manifest.evidence.signed_volumes;
  for (const manifest::Volume& volume : manifest.volumes) offline.trust.volumes.push_back(offline_volume(volume));
  return offline;
}

}  // namespace bpfgate::gate
