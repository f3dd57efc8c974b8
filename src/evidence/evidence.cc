// SPDX-License-Identifier: MIT
#include "evidence/evidence.h"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <algorithm>
#include <functional>
#include <span>

#include "base/io.h"

namespace bpfgate::evidence {
namespace {

using crypto::SignatureCheck;
using SignatureReader = std::function<Result<std::optional<Bytes>>()>;

Verdict verdict_of(Role role) { return role == Role::Loader ? Verdict::Loader : Verdict::Library; }

// A library's grant means nothing: only loaders call bpf(2).
Conclusion accepted(Role role, Reason reason, std::string rule, const std::vector<std::string>& grants) {
  Conclusion conclusion;
  conclusion.verdict = verdict_of(role);
  conclusion.reason = reason;
  conclusion.rule = std::move(rule);
  if (role == Role::Loader) conclusion.grants = grants;
  return conclusion;
}

Conclusion refused(Reason reason, std::string rule = {}) {
  Conclusion conclusion;
  conclusion.reason = reason;
  conclusion.rule = std::move(rule);
  return conclusion;
}

// How a file is said to be proven, by the kind of its digest.
Reason listed_reason(const Digest& digest) {
  return digest.kind == DigestKind::Ima ? Reason::ListedImaDigest : Reason::ListedDigest;
}

Reason signed_reason(const Digest& digest) {
  return digest.kind == DigestKind::Ima ? Reason::ImaSignature : Reason::Signature;
}

const TrustedDigest* find_listed(const Digest& digest, const Trust& trust) {
  for (const TrustedDigest& listed : trust.digests) {
    if (listed.digest == digest) return &listed;
  }
  return nullptr;
}

// What one more signer's finding makes of the findings so far: the one that says most wins. A trusted signer's wrong
// signature says more than a stranger's, and that says more than what nobody could read.
void weigh(Conclusion& so_far, SignatureCheck finding, const TrustedSigner& signer) {
  if (finding == SignatureCheck::Mismatch && so_far.reason != Reason::SignatureMismatch)
    so_far = refused(Reason::SignatureMismatch, signer.name);
  if (finding == SignatureCheck::NotMine && so_far.reason == Reason::SignatureMalformed)
    so_far = refused(Reason::SignatureUntrusted);
}

using Signers = std::vector<TrustedSigner>::const_iterator;

Signers end_of_keyring(Signers first, Signers end) {
  if (first->keyring == 0) return first + 1;
  return std::find_if(first, end, [&](const TrustedSigner& signer) { return signer.keyring != first->keyring; });
}

// Whose signature it is, or null.
const TrustedSigner* try_keyring(std::span<const TrustedSigner> keyring, ByteView signature, ByteView message,
                                 Conclusion& so_far) {
  const TrustedSigner* good = nullptr;
  for (const TrustedSigner& signer : keyring) {
    SignatureCheck finding = crypto::check_detached(signature, message, *signer.certificate);
    weigh(so_far, finding, signer);
    if (finding == SignatureCheck::Mismatch) return nullptr;
    if (finding == SignatureCheck::Valid && good == nullptr) good = &signer;
  }
  return good;
}

// A mismatch does not end the search: a renewed certificate may have its predecessor's issuer and serial number.
Conclusion judge_signature(ByteView signature, const Digest& digest, const Trust& trust) {
  if (signature.empty()) return refused(Reason::SignatureMalformed);
  if (trust.signers.empty()) return refused(Reason::SignatureUntrusted);
  const Bytes message = signed_message(digest);
  Conclusion so_far = refused(Reason::SignatureMalformed);
  for (auto first = trust.signers.begin(), last = first; first != trust.signers.end(); first = last) {
    last = end_of_keyring(first, trust.signers.end());
    if (const TrustedSigner* signer = try_keyring({first, last}, signature, message, so_far))
      return accepted(signer->role, signed_reason(digest), signer->name, signer->grants);
  }
  return so_far;
}

// The order is the gate's: what is revoked is nothing else any more, and a listed digest needs no signature, so none is
// read for it.
Result<Conclusion> judge(const Digest& digest, const SignatureReader& read_signature, const Trust& trust) {
  if (std::ranges::find(trust.revoked, digest) != trust.revoked.end())
    return refused(Reason::Revoked, to_string(digest));
  if (const TrustedDigest* listed = find_listed(digest, trust))
    return accepted(listed->role, listed_reason(digest), to_string(digest), listed->grants);
  TRY_ASSIGN(std::optional<Bytes> signature, read_signature());
  if (!signature) return refused(Reason::NoSignature);
  if (signature->size() > max_signature_size) return refused(Reason::SignatureTooLarge);
  return judge_signature(*signature, digest, trust);
}

// Where what is read is what is executed: not on overlayfs, nor where a process of the user's or another host supplies
// the content. The gate asks the kernel whether a file system has a device.
Result<bool> can_be_hashed(int fd) {
  struct statfs file_system = {};
  if (::fstatfs(fd, &file_system) != 0) return fail_errno("statfs");
  constexpr long others[] = {OVERLAYFS_SUPER_MAGIC, FUSE_SUPER_MAGIC, NFS_SUPER_MAGIC, V9FS_MAGIC,
                             CIFS_SUPER_MAGIC,      SMB2_SUPER_MAGIC};
  return std::find(std::begin(others), std::end(others), file_system.f_type) == std::end(others);
}

// The digest that counts: fs-verity's or, where there is none and the policy lets it, IMA's.
Result<std::optional<Digest>> digest_to_judge(int fd, const Trust& trust) {
  TRY_ASSIGN(std::optional<fsverity::Digest> measured, fsverity::measure(fd));
  if (measured) return std::optional<Digest>(*measured);
  if (!trust.ima) return std::nullopt;
  TRY_ASSIGN(bool is_usable, can_be_hashed(fd));
  if (!is_usable) return std::nullopt;
  TRY_ASSIGN(ima::Digest hashed, ima::compute(fd, trust.ima_algorithm));
  return std::optional<Digest>(hashed);
}

const TrustedVolume* find_trusted(const volume::Volume& volume, const Trust& trust) {
  for (const TrustedVolume& trusted : trust.volumes)
    if (volume.root_hash == trusted.root_hash) return &trusted;
  return nullptr;
}

// What a trusted volume says of the file; it takes nothing away from what is proven already.
void conclude_trusted(const TrustedVolume* trusted, const volume::Position& position, Conclusion& conclusion) {
  if (trusted != nullptr) {
    if (auto loader = trusted->loaders.find(position.inode); loader != trusted->loaders.end())
      conclusion = accepted(Role::Loader, Reason::Volume, trusted->name, loader->second);
  }
  if (conclusion.verdict == Verdict::NoEvidence)
    conclusion = accepted(Role::Library, Reason::Volume, trusted != nullptr ? trusted->name : "its signature", {});
}

void judge_position(const volume::Position& position, const Trust& trust, Conclusion& conclusion) {
  const TrustedVolume* trusted = find_trusted(position.volume, trust);
  bool is_revoked =
      std::ranges::find(trust.revoked_root_hashes, position.volume.root_hash) != trust.revoked_root_hashes.end();
  bool is_trusted = trusted != nullptr || (trust.signed_volumes && position.volume.is_signed);
  if (position.volume.is_checked && position.volume.is_known && is_trusted && !is_revoked)
    conclude_trusted(trusted, position, conclusion);
  else if (conclusion.reason == Reason::NotSealed)
    conclusion = refused(position.volume.is_checked ? Reason::VolumeUntrusted : Reason::VolumeUnchecked);
}

// Only a policy with volumes has the device mapper asked, which answers nobody but root.
Result<> judge_volume(int fd, const Trust& trust, Conclusion& conclusion) {
  if (trust.volumes.empty() && !trust.signed_volumes) return {};
  if (conclusion.verdict == Verdict::Loader || conclusion.reason == Reason::Revoked) return {};
  TRY_ASSIGN(std::optional<volume::Position> position, volume::find(fd));
  if (!position) return {};
  judge_position(*position, trust, conclusion);
  conclusion.position = std::move(position);
  return {};
}

}  // namespace

std::string_view name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::Loader:
      return "loader";
    case Verdict::Library:
      return "library";
    case Verdict::NoEvidence:
      return "no-evidence";
  }
  return "unknown";
}

std::string_view name_of(Reason reason) {
  switch (reason) {
    case Reason::ListedDigest:
      return "listed-digest";
    case Reason::Signature:
      return "signature";
    case Reason::ListedImaDigest:
      return "listed-ima-digest";
    case Reason::ImaSignature:
      return "ima-signature";
    case Reason::Volume:
      return "volume";
    case Reason::NotSealed:
      return "not-sealed";
    case Reason::NoSignature:
      return "no-signature";
    case Reason::SignatureTooLarge:
      return "signature-too-large";
    case Reason::SignatureMalformed:
      return "signature-malformed";
    case Reason::SignatureUntrusted:
      return "signature-untrusted";
    case Reason::SignatureMismatch:
      return "signature-mismatch";
    case Reason::VolumeUntrusted:
      return "volume-untrusted";
    case Reason::VolumeUnchecked:
      return "volume-unchecked";
    case Reason::Revoked:
      return "revoked";
  }
  return "unknown";
}

Result<std::optional<Bytes>> read_signature(int fd) {
  Result<std::optional<Bytes>> signature = get_xattr(fd, signature_xattr);
  if (!signature && signature.error().kind == ErrorKind::Unsupported) return std::nullopt;
  return signature;
}

Result<Conclusion> conclude(int fd, const Trust& trust, const std::optional<Bytes>& signature) {
  TRY_ASSIGN(std::optional<Digest> digest, digest_to_judge(fd, trust));
  auto reader = [&]() -> Result<std::optional<Bytes>> {
    if (signature) return signature;
    return read_signature(fd);
  };
  Conclusion conclusion = refused(Reason::NotSealed);
  if (digest) {
    TRY_ASSIGN(conclusion, judge(*digest, reader, trust));
  }
  TRY(judge_volume(fd, trust, conclusion));
  conclusion.digest = std::move(digest);
  return conclusion;
}

Conclusion conclude(const Digest& digest, const std::optional<Bytes>& signature, const Trust& trust) {
  if (digest.kind == DigestKind::Ima && !trust.ima) return refused(Reason::NotSealed);
  // A signature at hand cannot fail to be read, so there is always a value.
  Conclusion conclusion = *judge(digest, [&]() -> Result<std::optional<Bytes>> { return signature; }, trust);
  conclusion.digest = digest;
  return conclusion;
}

}  // namespace bpfgate::evidence
