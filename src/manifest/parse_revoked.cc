// SPDX-License-Identifier: MIT
#include "manifest/parse_revoked.h"

#include <set>

#include "manifest/keys.h"
#include "manifest/parse_digest.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

constexpr const char* fingerprint_form =
    "write it as sha256:HEX, of the certificate in DER: openssl x509 -outform DER | sha256sum";

Result<std::string> note_of(const Place& place) {
  auto note = place.optional_member("note");
  if (!note) return std::string();
  return note->text(kMaxNoteBytes);
}

Result<RevokedCertificate> parse_certificate(const Place& place) {
  TRY(place.check_object(keys::revoked_certificate));
  RevokedCertificate revoked;
  TRY_ASSIGN(Place fingerprint, place.member("fingerprint"));
  TRY_ASSIGN(revoked.fingerprint, parse_sha256(fingerprint, "fingerprint", fingerprint_form));
  TRY_ASSIGN(revoked.note, note_of(place));
  return revoked;
}

// Of any kind: one that cannot prove anything here does no harm by being revoked.
Result<RevokedDigest> parse_revoked_digest(const Place& place) {
  TRY(place.check_object(keys::revoked_digest));
  TRY_ASSIGN(ParsedDigest parsed, parse_digest(place));
  RevokedDigest revoked{parsed.kind, parsed.algorithm, std::move(parsed.digest), {}};
  TRY_ASSIGN(revoked.note, note_of(place));
  return revoked;
}

template <class Item, class IdOf>
Result<std::vector<Item>> parse_list(const Place& object, std::string_view key, size_t limit,
                                     Result<Item> (*parse_one)(const Place&), IdOf id_of) {
  std::vector<Item> items;
  auto list = object.optional_member(key);
  if (!list) return items;
  TRY_ASSIGN(size_t count, list->array_size(limit));
  std::set<decltype(id_of(std::declval<Item>()))> seen;
  for (size_t i = 0; i < count; ++i) {
    TRY_ASSIGN(Item item, parse_one(list->element(i)));
    if (seen.insert(id_of(item)).second) items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

Result<Revocations> parse_revoked(const Place& place) {
  TRY(place.check_object(keys::revoked));
  Revocations revoked;
  TRY_ASSIGN(revoked.digests, parse_list<RevokedDigest>(place, "digests", kMaxRevokedDigests, parse_revoked_digest,
                                                        [](const RevokedDigest& one) {
                                                          return ParsedDigest{one.kind, one.algorithm, one.digest};
                                                        }));
  TRY_ASSIGN(revoked.certificates,
             parse_list<RevokedCertificate>(place, "certificates", kMaxRevokedCertificates, parse_certificate,
                                            [](const RevokedCertificate& one) { return one.fingerprint; }));
  return revoked;
}

}  // namespace bpfgate::manifest
