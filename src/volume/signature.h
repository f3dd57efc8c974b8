// SPDX-License-Identifier: MIT
// Signatures of root hashes: as the kernel verifies them (verity_verify_root_hash() in
// drivers/md/dm-verity-verify-sig.c), and as systemd keeps them in partitions of their own (Discoverable Partitions
// Specification).
#pragma once

#include <array>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::volume {

// What is signed is not the hash but its digits, in lower case and without an end of line, as they are in the table.
std::string signed_text(ByteView root_hash);

struct Signature {
  Bytes pkcs7;  // DER, detached
  // What a partition says of it.
  std::optional<Bytes> root_hash = {};
  std::optional<std::array<uint8_t, 32>> fingerprint = {};  // SHA-256 of the signer's certificate
};

// The content of such a partition: one line of JSON, filled up with NULs to the size that systemd-repart gives it.
std::string partition_of(const Signature& signature);

// PKCS#7 or such a partition, whichever it is; ErrorKind::Invalid where it is neither, or no signature that the kernel
// would read. `name` is what errors call it.
Result<Signature> parse_signature(ByteView content, const std::string& name);
Result<Signature> read_signature(const std::filesystem::path& path);

}  // namespace bpfgate::volume
