// SPDX-License-Identifier: MIT
// The signers of a manifest, with their certificates parsed: who of them is revoked, whether they are apart, and who
// shares a keyring of the kernel.
#pragma once

#include <set>
#include <vector>

#include "base/result.h"
#include "crypto/crypto.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// All in the manifest's order.
struct Signers {
  std::vector<crypto::Certificate> certificates;
  std::vector<bool> revoked;
};

// ErrorKind::Key for certificates that the kernel could not verify with. ErrorKind::Invalid where signatures of one
// could be passed off as those of another that means something else; or, of one that is revoked, of any that is not.
Result<Signers> read_signers(const manifest::Manifest& manifest);

// Who goes into which keyring, by their places in the manifest: signers of code that are not revoked, of the same role
// and grants; signers of programs each by themselves. Signers whose certificates the kernel could not tell apart in one
// keyring are in different ones.
using KeyringGroups = std::vector<std::vector<size_t>>;
KeyringGroups keyring_groups(const manifest::Manifest& manifest, const Signers& signers);

// Whether somebody may sign manifests, and is not revoked.
Result<bool> has_authority(const manifest::Manifest& manifest);

// Whether somebody or something has a grant of administrators, and its signer is not revoked.
Result<bool> has_administrator(const manifest::Manifest& manifest);

// SHA-256 of certificates in DER: those that the manifest revokes, and one's own.
std::set<Bytes> revoked_fingerprints(const manifest::Manifest& manifest);
Bytes fingerprint_of(const crypto::Certificate& certificate);

}  // namespace bpfgate::gate
