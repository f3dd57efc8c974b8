// SPDX-License-Identifier: MIT
#include "gate/signers.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

namespace bpfgate::gate {
namespace {

using manifest::Role;
using manifest::Signer;

Result<crypto::Certificate> parse_certificate(const Signer& signer) {
  std::string what = signer.certificate_path + " (signer " + signer.name + ")";
  auto certificate = crypto::Certificate::parse(signer.certificate, what);
  if (!certificate) return std::unexpected(std::move(certificate).error());
  if (auto usable = certificate->check_kernel_can_verify(); !usable)
    return std::unexpected(std::move(usable).error().within(what));
  return certificate;
}

// A library's signature that passes for a loader's, or a loader's for one with another grant, would make the manifest
// mean something else than it says. That a loader passes for a library does no harm: it is trusted with more.
bool may_pass_for(const Signer& signer, const Signer& other) {
  // Grants tell signers of programs apart by name.
  if (signer.role == other.role) return signer.role != Role::Program && signer.grants == other.grants;
  return signer.role == Role::Loader && other.role == Role::Library;
}

Failure not_apart(const Signer& signer, size_t place, const Signer& other, bool is_revoked) {
  std::string what = "/signers/" + std::to_string(place) + "/certificate: " + signer.certificate_path +
                     (is_revoked ? " is revoked, and" : "") + " has the key of signer \"" + other.name +
                     "\", or was signed with it, and so its signatures could pass for that signer's";
  return fail(ErrorKind::Invalid, std::move(what),
              is_revoked ? "revoke that certificate, too, or take its signer out"
                         : "give signers of different roles or grants certificates with keys and issuers of their own");
}

// A thousand signers make a million pairs, hence the index.
Result<> check_apart(const manifest::Manifest& manifest, const Signers& signers) {
  crypto::PassIndex index(signers.certificates);
  for (size_t i = 0; i < manifest.signers.size(); ++i) {
    for (size_t other : index.candidates(signers.certificates[i])) {
      const Signer& signer = manifest.signers[i];
      if (i == other || signers.revoked[other]) continue;  // nobody passes for one who counts for nothing
      if (!signers.revoked[i] && may_pass_for(signer, manifest.signers[other])) continue;
      if (!signers.certificates[i].can_pass_for(signers.certificates[other])) continue;
      return not_apart(signer, i, manifest.signers[other], signers.revoked[i]);
    }
  }
  return {};
}

// One keyring while it is planned.
struct Group {
  size_t place = 0;  // in the list of groups
  std::set<Bytes> ids;
};

// What a signature by somebody means; of a program also whose it is, for grants name its signers.
using Meaning = std::tuple<Role, std::vector<std::string>, std::string>;

Meaning meaning_of(const Signer& signer) {
  return {signer.role, signer.grants, signer.role == Role::Program ? signer.name : ""};
}

bool has_any(const std::set<Bytes>& ids, const std::vector<Bytes>& wanted) {
  return std::ranges::any_of(wanted, [&](const Bytes& id) { return ids.contains(id); });
}

}  // namespace

std::set<Bytes> revoked_fingerprints(const manifest::Manifest& manifest) {
  std::set<Bytes> fingerprints;
  for (const manifest::RevokedCertificate& revoked : manifest.revoked.certificates)
    fingerprints.insert(revoked.fingerprint);
  return fingerprints;
}

Bytes fingerprint_of(const crypto::Certificate& certificate) {
  auto fingerprint = certificate.fingerprint();
  return {fingerprint.begin(), fingerprint.end()};
}

Result<Signers> read_signers(const manifest::Manifest& manifest) {
  Signers signers;
  signers.certificates.reserve(manifest.signers.size());
  std::set<Bytes> revoked = revoked_fingerprints(manifest);
  for (const Signer& signer : manifest.signers) {
    TRY_ASSIGN(crypto::Certificate certificate, parse_certificate(signer));
    signers.revoked.push_back(!revoked.empty() && revoked.contains(fingerprint_of(certificate)));
    signers.certificates.push_back(std::move(certificate));
  }
  TRY(check_apart(manifest, signers));
  return signers;
}

KeyringGroups keyring_groups(const manifest::Manifest& manifest, const Signers& signers) {
  KeyringGroups groups;
  std::map<Meaning, std::vector<Group>> known;
  for (size_t i = 0; i < manifest.signers.size(); ++i) {
    const Signer& signer = manifest.signers[i];
    if (signer.role == Role::Manifest || signers.revoked[i]) continue;
    std::vector<Bytes> ids = signers.certificates[i].kernel_ids();
    std::vector<Group>& alike = known[meaning_of(signer)];
    auto group = std::ranges::find_if(alike, [&](const Group& one) { return !has_any(one.ids, ids); });
    if (group == alike.end()) {
      group = alike.insert(alike.end(), Group{groups.size(), {}});
      groups.emplace_back();
    }
    groups[group->place].push_back(i);
    group->ids.insert(ids.begin(), ids.end());
  }
  return groups;
}

Result<bool> has_authority(const manifest::Manifest& manifest) {
  TRY_ASSIGN(Signers signers, read_signers(manifest));
  for (size_t i = 0; i < manifest.signers.size(); ++i)
    if (manifest.signers[i].role == Role::Manifest && !signers.revoked[i]) return true;
  return false;
}

namespace {

bool is_revoked(const manifest::Manifest& manifest, manifest::DigestKind kind, uint16_t algorithm,
                const Bytes& digest) {
  return std::ranges::any_of(manifest.revoked.digests, [&](const manifest::RevokedDigest& revoked) {
    return revoked.kind == kind && revoked.algorithm == algorithm && revoked.digest == digest;
  });
}

}  // namespace

Result<bool> has_administrator(const manifest::Manifest& manifest) {
  TRY_ASSIGN(Signers signers, read_signers(manifest));
  auto is_administrator = [&](const auto& trusted) {
    return std::ranges::any_of(trusted.grants, [&](const auto& name) { return manifest.grants.at(name).admin; });
  };
  for (size_t i = 0; i < manifest.signers.size(); ++i)
    if (!signers.revoked[i] && is_administrator(manifest.signers[i])) return true;
  for (const manifest::ListedDigest& listed : manifest.digests)
    if (is_administrator(listed) && !is_revoked(manifest, listed.kind, listed.algorithm, listed.digest)) return true;
  for (const manifest::Volume& volume : manifest.volumes)
    if (std::ranges::any_of(volume.loaders, is_administrator) &&
        !is_revoked(manifest, manifest::DigestKind::Volume, volume.algorithm, volume.root_hash))
      return true;
  return false;
}

}  // namespace bpfgate::gate
