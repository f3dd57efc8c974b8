// SPDX-License-Identifier: MIT
// What proves a file's content, as seen from user space: the twin of bpf/evidence.bpf.h. It says offline what the gate
// would conclude at exec, with the same order of checks and the same reasons.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/crypto.h"
#include "fsverity/fsverity.h"

namespace bpfgate::evidence {

// DER PKCS#7 over signed_message(digest of the file).
inline constexpr const char* signature_xattr = "user.bpf_prog_sig";
// The gate's buffer (bpf/gate_abi.h); a longer signature is refused.
inline constexpr size_t max_signature_size = 16384;

// "FSVerity" || le16 algorithm || le16 digest size || digest: struct fsverity_formatted_digest
// (include/uapi/linux/fsverity.h).
Bytes signed_message(const fsverity::Digest& digest);

// The hash inside the PKCS#7 goes with the digest's algorithm, as `fsverity sign` does it.
crypto::HashAlgorithm signature_hash(fsverity::Algorithm algorithm);

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
};

struct TrustedDigest {
  fsverity::Digest digest;
  Role role = Role::Loader;
  std::vector<std::string> grants;
};

struct Trust {
  std::vector<TrustedSigner> signers;
  std::vector<TrustedDigest> digests;
};

// What the gate would conclude. The values are those of enum gate_reason in bpf/gate_abi.h, by name.
enum class Verdict { Loader, Library, NoEvidence };
enum class Reason {
  ListedDigest,
  Signature,
  NotSealed,
  NoSignature,
  SignatureTooLarge,
  SignatureMalformed,
  SignatureUntrusted,  // by nobody the policy trusts
  SignatureMismatch,   // a trusted signer's, but not of this file
};

std::string_view name_of(Verdict verdict);  // "loader", "library", "no-evidence"
std::string_view name_of(Reason reason);    // "listed-digest", "signature", "not-sealed", "no-signature", ...

struct Conclusion {
  Verdict verdict = Verdict::NoEvidence;
  Reason reason = Reason::NotSealed;
  std::string rule;                        // signer name, or the digest, that decided
  std::vector<std::string> grants;         // for loaders
  std::optional<fsverity::Digest> digest;  // as the kernel measured it
};

// Judges an open file. `signature` overrides the xattr (a detached signature). Failures to read are errors; every
// finding about the file is a Conclusion.
Result<Conclusion> conclude(int fd, const Trust& trust, const std::optional<Bytes>& signature = std::nullopt);

// The same for a digest that need not be measured: what the gate would conclude if the file were sealed so.
Conclusion conclude(const fsverity::Digest& digest, const std::optional<Bytes>& signature, const Trust& trust);

}  // namespace bpfgate::evidence
