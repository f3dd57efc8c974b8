// SPDX-License-Identifier: MIT
// The policy of a host as typed structs. docs/MANIFEST.md is the reference of the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "manifest/grant.h"

namespace bpfgate::manifest {

// The limits of a policy. The kernel side sizes its maps by them (bpf/gate_abi.h), so what parses also fits.
inline constexpr size_t kMaxSigners = 1000;
inline constexpr size_t kMaxGrants = 64;  // the built-in ones included
inline constexpr size_t kMaxDigests = 100000;
inline constexpr size_t kMaxRevokedDigests = 10000;
inline constexpr size_t kMaxRevokedCertificates = 1000;
inline constexpr size_t kMaxVolumes = 64;
inline constexpr size_t kMaxVolumeLoaders = 4096;  // of all volumes together
inline constexpr size_t kMaxNameBytes = 63;
inline constexpr size_t kMaxNoteBytes = 255;
inline constexpr size_t kMaxPathBytes = 4095;
inline constexpr size_t kMaxManifestBytes = size_t{32} << 20;
inline constexpr size_t kMaxCertificateBytes = size_t{64} << 10;
inline constexpr size_t kMaxIds = 16;     // users, or groups, of one condition
inline constexpr size_t kMaxCgroups = 8;  // of one condition
inline constexpr size_t kMaxCgroupLevels = 8;
inline constexpr size_t kMaxGlobs = 64;  // of one kind of attach targets
inline constexpr size_t kMaxListedKfuncs = 256;
inline constexpr size_t kMaxGrantsOfOne = 8;  // of one signer or digest
// 2^53 - 1, the largest integer every JSON tool keeps exact (RFC 7493, 2.2). A sequence number that jq or a browser
// rounded on its way would let an old policy look new.
inline constexpr uint64_t kMaxSequence = (uint64_t{1} << 53) - 1;

// Off is for a manifest that orders a sealed gate to be taken out of the kernel; it cannot be loaded.
enum class Mode { Audit, Enforce, Off };
enum class Role { Loader, Library, Manifest, Program };

std::string_view name_of(Mode mode);  // "audit", "enforce", "off"
std::string_view name_of(Role role);  // "loader", "library", "manifest", "program"

struct Signer {
  std::string name;
  Role role = Role::Loader;
  std::string certificate_path;     // as the manifest says it, made absolute against its file's directory
  Bytes certificate;                // the file's content, PEM or DER, unparsed; never empty
  std::vector<std::string> grants;  // names, sorted; for role Loader, and never empty then
  bool operator==(const Signer&) const = default;
};

// Volume: a root hash of dm-verity, where one is revoked; of files the other two.
enum class DigestKind { FsVerity, Ima, Volume };
std::string_view name_of(DigestKind kind);  // "fsverity", "ima", "volume"

std::string_view digest_prefix(DigestKind kind, uint16_t algorithm);  // "sha256:", "sha384:" or "sha512:"

struct ListedDigest {
  DigestKind kind = DigestKind::FsVerity;
  uint16_t algorithm = 0;  // FS_VERITY_HASH_ALG_*; for IMA HASH_ALGO_* (include/uapi/linux/hash_info.h)
  Bytes digest;            // as long as the algorithm says
  Role role = Role::Loader;
  std::vector<std::string> grants;  // as for signers
  std::string note;
  bool operator==(const ListedDigest&) const = default;
};

// What counts no more, whatever else says that it does: a listing, or any signature.
struct RevokedDigest {
  DigestKind kind = DigestKind::FsVerity;
  uint16_t algorithm = 0;
  Bytes digest;
  std::string note;
  bool operator==(const RevokedDigest&) const = default;
};

struct RevokedCertificate {
  Bytes fingerprint;  // SHA-256 of its DER
  std::string note;
  bool operator==(const RevokedCertificate&) const = default;
};

struct Revocations {
  std::vector<RevokedDigest> digests;            // no digest twice
  std::vector<RevokedCertificate> certificates;  // no fingerprint twice
  bool operator==(const Revocations&) const = default;
};

// What beside fs-verity may prove a file.
struct EvidenceRules {
  bool ima = false;             // IMA digests, listed or signed, of files that are not sealed
  bool signed_volumes = false;  // dm-verity volumes whose root hash has a signature that the kernel has verified
  bool operator==(const EvidenceRules&) const = default;
};

// A file of a volume that may call bpf(2). The kernel goes by the inode, which on such a volume never changes; the path
// is for people.
struct VolumeLoader {
  std::string path;  // as seen from the volume's root, beginning with /
  uint64_t inode = 0;
  std::vector<std::string> grants;  // names, sorted; never empty
  bool operator==(const VolumeLoader&) const = default;
};

// A dm-verity volume: all files on it are proven, and the loaders may call bpf(2).
struct Volume {
  std::string name;
  uint16_t algorithm = 0;  // FS_VERITY_HASH_ALG_*
  Bytes root_hash;         // as long as the algorithm says
  std::vector<VolumeLoader> loaders;
  bool operator==(const Volume&) const = default;
};
std::string root_hash_text(uint16_t algorithm, const Bytes& root_hash);  // "sha256:HEX"
std::string root_hash_text(const Volume& volume);

// An administrator's own BPF program that has the last word (bpf/gate_extension.h).
struct Extension {
  std::string path;  // of its object file, made absolute like a certificate's
  Bytes digest;      // SHA-256 of that file
  bool operator==(const Extension&) const = default;
};

struct Manifest {
  std::string name;
  uint64_t sequence = 0;
  Mode mode = Mode::Audit;
  EvidenceRules evidence;
  std::optional<Extension> extension;
  std::vector<Signer> signers;        // in the manifest's order; names and certificates differ
  std::vector<ListedDigest> digests;  // in the manifest's order; no digest twice
  Revocations revoked;
  std::vector<Volume> volumes;                         // in the manifest's order; names and root hashes differ
  std::map<std::string, Grant> grants;                 // those of the manifest and the built-in ones
  std::vector<std::string> default_grants = {"none"};  // of processes without a mark
  bool operator==(const Manifest&) const = default;
};

// Parses and checks everything: unknown or duplicate keys, duplicate names, dangling references, wrong types, out of
// range values. An error names the file, the JSON pointer and the mend. `read_certificate` is how certificate files
// are read, so that the parser itself touches no file; it gets absolute paths.
using CertificateReader = std::function<Result<Bytes>(const std::filesystem::path&)>;
Result<Manifest> parse(std::string_view text, const std::filesystem::path& path,
                       const CertificateReader& read_certificate);

// Reads the file and the certificates it names (relative to it).
Result<Manifest> load(const std::filesystem::path& path);

// Whether the gate would do the same, as text: equal texts mean equal policies. Deterministic JSON in the manifest
// format itself, with each certificate's content in hex where its path was, and the extension's digest where its was;
// the order of signers and digests, notes and the built-in grants are left out of account. Used to tell whether a
// loaded policy is the one in a file.
std::string canonical_text(const Manifest& manifest);

}  // namespace bpfgate::manifest
