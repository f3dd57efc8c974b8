// SPDX-License-Identifier: MIT
// What proves a file's content, as seen from user space: the twin of bpf/evidence.bpf.h. It says offline what the gate
// would conclude at exec, with the same order of checks and the same reasons.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/crypto.h"
#include "fsverity/fsverity.h"
#include "ima/ima.h"
#include "volume/volume.h"

namespace bpfgate::evidence {

// What a file's content is known by. fs-verity's digest holds for as long as the file exists, for it cannot be written;
// IMA's says what the content was when it was hashed.
enum class DigestKind { FsVerity, Ima };

std::string_view name_of(DigestKind kind);                    // "fsverity", "ima"
Result<DigestKind> digest_kind_named(std::string_view name);  // the same words

// A digest of either kind. Two of different kinds are never equal, whatever their bytes.
struct Digest {
  DigestKind kind = DigestKind::FsVerity;
  uint16_t algorithm = 0;  // the kernel's number: an fsverity::Algorithm or an ima::Algorithm, as the kind says
  Bytes value;

  Digest(const fsverity::Digest& digest)  // implicit: nothing is lost
      : algorithm(static_cast<uint16_t>(digest.algorithm)), value(digest.value) {}
  Digest(const ima::Digest& digest)
      : kind(DigestKind::Ima), algorithm(static_cast<uint16_t>(digest.algorithm)), value(digest.value) {}

  bool operator==(const Digest&) const = default;
};

std::string to_string(const Digest& digest);  // "sha256:HEX"; which kind it is does not show

// DER PKCS#7 over signed_message(digest of the file).
inline constexpr const char* signature_xattr = "user.bpf_prog_sig";
// The gate's buffer (bpf/gate_abi.h); a longer signature is refused.
inline constexpr size_t max_signature_size = 16384;

// Magic || le16 algorithm || le16 digest size || digest. For fs-verity the magic is "FSVerity", which makes it struct
// fsverity_formatted_digest (include/uapi/linux/fsverity.h); for IMA "IMAfile" and a NUL, 8 bytes as well. So no
// signature of one kind is one of the other, although numbers and sizes may coincide.
Bytes signed_message(const Digest& digest);

// The hash inside the PKCS#7 goes with the digest's algorithm, as `fsverity sign` does it.
crypto::HashAlgorithm signature_hash(const Digest& digest);

// The signature of a file with this digest.
Result<Bytes> sign(const Digest& digest, const crypto::Signer& signer);

// The signature xattr of an open file, as it is. A file system without extended attributes has no signatures, which is
// what the gate finds too: nullopt, not an error.
Result<std::optional<Bytes>> read_signature(int fd);

enum class Role { Loader, Library };

// Somebody whose signatures count.
struct TrustedSigner {
  std::string name;
  Role role = Role::Loader;
  const crypto::Certificate* certificate = nullptr;  // not owned
  std::vector<std::string> grants;
  // Those of one number, beside each other, are in one keyring of the kernel, which refuses a signature that one of
  // them has made of something else, whatever the others have signed. 0: in one of its own.
  size_t keyring = 0;
};

struct TrustedDigest {
  Digest digest;  // of either kind, and listed for that kind only
  Role role = Role::Loader;
  std::vector<std::string> grants;
};

// A dm-verity volume: it proves every file on it.
struct TrustedVolume {
  std::string name;
  std::string root_hash;                                 // "sha256:HEX"
  std::map<uint64_t, std::vector<std::string>> loaders;  // by inode number, with their grants
};

struct Trust {
  std::vector<TrustedSigner> signers;
  std::vector<TrustedDigest> digests = {};
  std::vector<TrustedVolume> volumes = {};
  // Volumes whose root hash has a signature that the kernel has verified are trusted as well.
  bool signed_volumes = false;
  std::vector<Digest> revoked = {};                   // count no more, listed and signed or not
  std::vector<std::string> revoked_root_hashes = {};  // "sha256:HEX"; nor do their volumes
  // The policy lets IMA digests count, for files that are not sealed.
  bool ima = false;
  // What the host's IMA computes: ima_hash= on the kernel's command line. Digests of other algorithms it never sees.
  ima::Algorithm ima_algorithm = ima::Algorithm::Sha256;
};

// What the gate would conclude. The values are those of enum gate_reason in bpf/gate_abi.h, by name.
enum class Verdict { Loader, Library, NoEvidence };
enum class Reason {
  ListedDigest,
  Signature,
  ListedImaDigest,
  ImaSignature,
  Volume,  // is on a trusted volume
  NotSealed,
  NoSignature,
  SignatureTooLarge,
  SignatureMalformed,
  SignatureUntrusted,  // by nobody the policy trusts
  SignatureMismatch,   // a trusted signer's, but not of this file
  VolumeUntrusted,     // is on a volume, but on none that the policy trusts
  VolumeUnchecked,     // on one of which not every block is verified each time
  Revoked,             // the digest itself
};

std::string_view name_of(Verdict verdict);  // "loader", "library", "no-evidence"
std::string_view name_of(Reason reason);    // "listed-digest", "signature", "not-sealed", "no-signature", ...

struct Conclusion {
  Verdict verdict = Verdict::NoEvidence;
  Reason reason = Reason::NotSealed;
  std::string rule;                 // signer or volume by name, or the digest, that decided
  std::vector<std::string> grants;  // for loaders
  std::optional<Digest> digest;     // what was judged: the kernel's measurement, or IMA's digest of a file without one
  std::optional<volume::Position> position;  // the dm-verity volume that the file is on
};

// Judges an open file. `signature` overrides the xattr (a detached signature). Failures to read are errors; every
// finding about the file is a Conclusion. A sealed file is judged by fs-verity alone, whatever comes of it: that is the
// stronger evidence, and what it does not prove nothing weaker may. Only a file that is not sealed is judged by IMA,
// and only where trust.ima is set; without it nothing is hashed. What all that does not make a loader may be one, or a
// library, by the volume that it is on; the kernel alone knows whether that has been replaced since it was opened, and
// where a file on overlayfs really is.
Result<Conclusion> conclude(int fd, const Trust& trust, const std::optional<Bytes>& signature = std::nullopt);

// The same for a digest that need not be measured: what the gate would conclude if the file were sealed so or, for an
// IMA digest, if a file that is not sealed had it.
Conclusion conclude(const Digest& digest, const std::optional<Bytes>& signature, const Trust& trust);

}  // namespace bpfgate::evidence
