// SPDX-License-Identifier: MIT
#include "gate/policy.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>

#include "base/io.h"
#include "gate/gate.h"

namespace bpfgate::gate {
namespace {

static_assert(manifest::kMaxSigners <= GATE_MAX_SIGNERS);
static_assert(manifest::kMaxGrants <= GATE_MAX_GRANTS);
static_assert(manifest::kMaxDigests <= GATE_MAX_DIGESTS);
static_assert(manifest::kMaxVolumes <= GATE_MAX_VOLUMES);
static_assert(manifest::kMaxVolumeLoaders <= GATE_MAX_VOLUME_LOADERS);
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

Result<crypto::Certificate> parse_certificate(const manifest::Signer& signer) {
  std::string what = signer.certificate_path + " (signer " + signer.name + ")";
  auto certificate = crypto::Certificate::parse(signer.certificate, what);
  if (!certificate) return std::unexpected(std::move(certificate).error());
  if (auto usable = certificate->check_kernel_can_verify(); !usable)
    return std::unexpected(std::move(usable).error().within(what));
  return certificate;
}

// The old policy's keyring of the same signer is still in use while the new one is made, so names carry the time.
std::string keyring_name(const manifest::Signer& signer) {
  auto now = std::chrono::steady_clock::now().time_since_epoch();
  return "bpfgate:" + signer.name + ":" + std::to_string(now.count());
}

// A library's signature that passes for a loader's, or a loader's for one with another grant, would make the manifest
// mean something else than it says. That a loader passes for a library does no harm: it is trusted with more.
bool may_pass_for(const manifest::Signer& signer, const manifest::Signer& other) {
  // Grants tell signers of programs apart by name.
  if (signer.role == other.role) return signer.role != Role::Program && signer.grants == other.grants;
  return signer.role == Role::Loader && other.role == Role::Library;
}

Result<> check_signers_apart(const manifest::Manifest& manifest, const std::vector<crypto::Certificate>& certificates) {
  for (size_t i = 0; i < certificates.size(); ++i) {
    for (size_t other = 0; other < certificates.size(); ++other) {
      const manifest::Signer& signer = manifest.signers[i];
      if (i == other || may_pass_for(signer, manifest.signers[other])) continue;
      if (!certificates[i].can_pass_for(certificates[other])) continue;
      return fail(ErrorKind::Invalid,
                  "/signers/" + std::to_string(i) + "/certificate: " + signer.certificate_path +
                      " has the key of signer \"" + manifest.signers[other].name +
                      "\", or was signed with it, and so its signatures could pass for that signer's",
                  "give signers of different roles or grants certificates with keys and issuers of their own");
    }
  }
  return {};
}

Result<std::vector<crypto::Certificate>> parse_certificates(const manifest::Manifest& manifest) {
  std::vector<crypto::Certificate> certificates;
  certificates.reserve(manifest.signers.size());
  for (const manifest::Signer& signer : manifest.signers) {
    TRY_ASSIGN(crypto::Certificate certificate, parse_certificate(signer));
    certificates.push_back(std::move(certificate));
  }
  TRY(check_signers_apart(manifest, certificates));
  return certificates;
}

Result<keyring::Keyring> make_keyring(const manifest::Signer& signer, const crypto::Certificate& certificate) {
  TRY_ASSIGN(keyring::Keyring ring, keyring::Keyring::create(keyring_name(signer)));
  TRY(ring.add_certificate("bpfgate:" + signer.name, certificate.der()));
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

std::pair<gate_digest, gate_listed_digest> digest_record(const manifest::Manifest& manifest,
                                                         const manifest::ListedDigest& listed) {
  gate_digest digest = {};
  digest.algorithm = listed.algorithm | (listed.kind == manifest::DigestKind::Ima ? GATE_DIGEST_IMA : 0);
  digest.size = static_cast<uint16_t>(listed.digest.size());
  std::copy(listed.digest.begin(), listed.digest.end(), digest.value);
  gate_listed_digest value = {};
  value.role = role_number(listed.role);
  value.grants = grant_set(manifest, listed.grants);
  return {digest, value};
}

void add_volume(const manifest::Manifest& manifest, const manifest::Volume& volume, uint32_t number, Policy& policy) {
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
                 (manifest.evidence.signed_volumes ? GATE_POLICY_SIGNED_VOLUMES : 0U) |
                 (has_signed_programs(manifest) ? GATE_POLICY_SIGNED : 0U);
  header.mode = mode_number(manifest.mode);
  header.default_grants = grant_set(manifest, manifest.default_grants);
  header.grant_count = static_cast<uint32_t>(manifest.grants.size());
  header.digest_count = static_cast<uint32_t>(manifest.digests.size());
  auto hash = crypto::sha256(as_bytes(manifest::canonical_text(manifest)));
  std::copy(hash.begin(), hash.end(), header.hash);
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

evidence::Digest offline_digest(const manifest::ListedDigest& listed) {
  if (listed.kind == manifest::DigestKind::Ima)
    return ima::Digest{static_cast<ima::Algorithm>(listed.algorithm), listed.digest};
  return fsverity::Digest{static_cast<fsverity::Algorithm>(listed.algorithm), listed.digest};
}

Result<> add_signers(const manifest::Manifest& manifest, Policy& policy) {
  TRY_ASSIGN(std::vector<crypto::Certificate> certificates, parse_certificates(manifest));
  for (size_t i = 0; i < manifest.signers.size(); ++i) {
    const manifest::Signer& signer = manifest.signers[i];
    if (signer.role == Role::Manifest) {
      TRY_ASSIGN(gate_authority authority, authority_record(signer, certificates[i]));
      policy.authorities.push_back(authority);
      continue;
    }
    TRY_ASSIGN(keyring::Keyring ring, make_keyring(signer, certificates[i]));
    policy.signers.push_back(signer_record(manifest, signer, ring.serial()));
    policy.keyrings.push_back(std::move(ring));
  }
  if (policy.authorities.size() > GATE_MAX_AUTHORITIES)
    return fail(ErrorKind::Invalid,
                "the manifest has more than " + std::to_string(GATE_MAX_AUTHORITIES) + " signers of role \"manifest\"",
                "remove some");
  policy.header.signer_count = static_cast<uint32_t>(policy.signers.size());
  policy.header.authority_count = static_cast<uint32_t>(policy.authorities.size());
  return {};
}

}  // namespace

// "10 HASH ima-sig sha256:DIGEST boot_aggregate"
std::optional<ima::Algorithm> ima_of_host() {
  auto measured = read_text_file("/sys/kernel/security/ima/ascii_runtime_measurements", max_measurements);
  if (!measured) return std::nullopt;
  std::string first = measured->substr(0, measured->find('\n'));
  for (ima::Algorithm algorithm : ima::algorithms)
    if (first.find(" " + std::string(ima::name_of(algorithm)) + ":") != std::string::npos) return algorithm;
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
  TRY_ASSIGN(policy.grants, compile_grants(manifest));
  TRY(add_signers(manifest, policy));
  for (const manifest::ListedDigest& listed : manifest.digests)
    policy.digests.push_back(digest_record(manifest, listed));
  for (uint32_t number = 0; number < manifest.volumes.size(); ++number)
    add_volume(manifest, manifest.volumes[number], number, policy);
  return policy;
}

Result<OfflineTrust> offline_trust(const manifest::Manifest& manifest) {
  OfflineTrust offline;
  if (auto algorithm = manifest.evidence.ima ? ima_of_host() : std::nullopt) {
    offline.trust.ima = true;
    offline.trust.ima_algorithm = *algorithm;
  }
  TRY_ASSIGN(offline.certificates, parse_certificates(manifest));
  for (size_t i = 0; i < manifest.signers.size(); ++i) {
    const manifest::Signer& signer = manifest.signers[i];
    if (signer.role == Role::Manifest || signer.role == Role::Program) continue;
    offline.trust.signers.push_back({signer.name, offline_role(signer.role), &offline.certificates[i], signer.grants});
  }
  for (const manifest::ListedDigest& listed : manifest.digests) {
    offline.trust.digests.push_back({offline_digest(listed), offline_role(listed.role), listed.grants});
  }
  offline.trust.signed_volumes = manifest.evidence.signed_volumes;
  for (const manifest::Volume& volume : manifest.volumes) offline.trust.volumes.push_back(offline_volume(volume));
  return offline;
}

}  // namespace bpfgate::gate
