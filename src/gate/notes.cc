// SPDX-License-Identifier: MIT
#include "gate/notes.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "gate/signers.h"

namespace bpfgate::gate {
namespace {

using manifest::Signer;

std::string text_of(const manifest::RevokedDigest& revoked) {
  return std::string(digest_prefix(revoked.kind, revoked.algorithm)) + to_hex(revoked.digest);
}

using DigestKey = std::tuple<manifest::DigestKind, uint16_t, Bytes>;

void note_digests(const manifest::Manifest& manifest, std::vector<std::string>& notes) {
  std::map<DigestKey, size_t> listed;
  for (size_t i = 0; i < manifest.digests.size(); ++i) {
    const manifest::ListedDigest& one = manifest.digests[i];
    listed.emplace(DigestKey{one.kind, one.algorithm, one.digest}, i);
  }
  for (const manifest::RevokedDigest& revoked : manifest.revoked.digests) {
    auto found = listed.find({revoked.kind, revoked.algorithm, revoked.digest});
    if (found == listed.end()) continue;
    notes.push_back("/digests/" + std::to_string(found->second) + ": " + text_of(revoked) +
                    " is listed and revoked: revoked counts");
  }
}

void note_certificates(const manifest::Manifest& manifest, std::vector<std::string>& notes) {
  std::set<Bytes> unknown = revoked_fingerprints(manifest);
  if (unknown.empty()) return;
  std::set<Bytes> all = unknown;
  for (const Signer& signer : manifest.signers) {
    auto certificate = crypto::Certificate::parse(signer.certificate, signer.certificate_path);
    if (!certificate || !all.contains(fingerprint_of(*certificate))) continue;
    notes.push_back("signer " + signer.name + ": its certificate is revoked, and nothing it has signed counts");
    unknown.erase(fingerprint_of(*certificate));
  }
  for (const Bytes& fingerprint : unknown)
    notes.push_back("revoked certificate sha256:" + to_hex(fingerprint) +
                    " is no signer's: what others vouch for is not looked at");
}

std::set<std::string> grants_in_use(const manifest::Manifest& manifest) {
  std::set<std::string> used(manifest.default_grants.begin(), manifest.default_grants.end());
  for (const Signer& signer : manifest.signers) used.insert(signer.grants.begin(), signer.grants.end());
  for (const manifest::ListedDigest& one : manifest.digests) used.insert(one.grants.begin(), one.grants.end());
  for (const manifest::Volume& volume : manifest.volumes)
    for (const manifest::VolumeLoader& loader : volume.loaders) used.insert(loader.grants.begin(), loader.grants.end());
  return used;
}

bool is_for(const manifest::SignedBy& names, const Signer& signer) {
  return signer.role == manifest::Role::Program &&
         (names.empty() || std::ranges::find(names, signer.name) != names.end());
}

void note_unsigned_programs(const manifest::Manifest& manifest, std::vector<std::string>& notes) {
  for (const std::string& name : grants_in_use(manifest)) {
    auto grant = manifest.grants.find(name);
    if (grant == manifest.grants.end() || !grant->second.signed_by) continue;
    const manifest::SignedBy& names = *grant->second.signed_by;
    if (std::ranges::any_of(manifest.signers, [&](const Signer& signer) { return is_for(names, signer); })) continue;
    notes.push_back("grant " + name +
                    " is for signed programs, and the manifest names nobody who signs any: it allows nothing");
  }
}

}  // namespace

std::vector<std::string> notes_on(const manifest::Manifest& manifest) {
  std::vector<std::string> notes;
  note_digests(manifest, notes);
  note_certificates(manifest, notes);
  note_unsigned_programs(manifest, notes);
  return notes;
}

}  // namespace bpfgate::gate
