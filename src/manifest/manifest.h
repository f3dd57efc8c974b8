// SPDX-License-Identifier: MIT
// The policy of a host as typed structs. docs/MANIFEST.md is the reference of the format.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::manifest {

// The limits of a policy. The kernel side sizes its maps by them (bpf/gate_abi.h), so what parses also fits.
inline constexpr size_t kMaxSigners = 32;
inline constexpr size_t kMaxGrants = 64;  // the built-in ones included
inline constexpr size_t kMaxDigests = 65536;
inline constexpr size_t kMaxNameBytes = 63;
inline constexpr size_t kMaxNoteBytes = 255;
inline constexpr size_t kMaxPathBytes = 4095;
inline constexpr size_t kMaxManifestBytes = size_t{8} << 20;
inline constexpr size_t kMaxCertificateBytes = size_t{64} << 10;
// 2^53 - 1, the largest integer every JSON tool keeps exact (RFC 7493, 2.2). A sequence number that jq or a browser
// rounded on its way would let an old policy look new.
inline constexpr uint64_t kMaxSequence = (uint64_t{1} << 53) - 1;

// Off is for a manifest that orders a sealed gate to be taken out of the kernel; it cannot be loaded.
enum class Mode { Audit, Enforce, Off };
enum class Role { Loader, Library, Manifest };

std::string_view name_of(Mode mode);  // "audit", "enforce", "off"
std::string_view name_of(Role role);  // "loader", "library", "manifest"

// Which bpf(2) commands a grant allows: bit N is command number N of enum bpf_cmd (include/uapi/linux/bpf.h).
using CommandSet = uint64_t;

// The word "any": every command, those of later kernels too.
inline constexpr CommandSet kAnyCommand = ~CommandSet{0};

struct Grant {
  std::string name;
  CommandSet commands = 0;
  bool admin = false;  // reaches the gate's own objects; the built-in grant "admin" only
  bool debug = false;  // may be debugged, and loses its mark by that
  bool jit = false;    // may have anonymous executable memory
  bool operator==(const Grant&) const = default;
};

// Built in, and not to be redefined: "none" (nothing), "inspect" (list and read info of objects, no loading and no
// writing), "full" (everything, commands added by later kernels too) and "admin" (the same, and the gate itself).
Grant grant_none();
Grant grant_inspect();
Grant grant_full();
Grant grant_admin();
bool is_built_in(std::string_view grant);

// Command names as the kernel spells them in bpffs' delegate_cmds= option: "prog_load", "map_create", ... An unknown
// name is ErrorKind::Invalid and the remedy names the closest.
Result<unsigned> command_number(std::string_view name);
std::string command_name(unsigned number);      // "command 77" where the number has no name here
std::vector<std::string_view> command_names();  // all, in order of their numbers

struct Signer {
  std::string name;
  Role role = Role::Loader;
  std::string certificate_path;  // as the manifest says it, made absolute against the manifest's directory
  Bytes certificate;             // the file's content, PEM or DER, unparsed; never empty
  std::string grant;             // name of a grant; for role Loader
  bool operator==(const Signer&) const = default;
};

struct ListedDigest {
  uint16_t algorithm = 0;  // FS_VERITY_HASH_ALG_*
  Bytes digest;            // 32 or 64 bytes, as the algorithm says
  Role role = Role::Loader;
  std::string grant;  // empty for role Library
  std::string note;
  bool operator==(const ListedDigest&) const = default;
};

struct Manifest {
  std::string name;
  uint64_t sequence = 0;
  Mode mode = Mode::Audit;
  std::vector<Signer> signers;          // in the manifest's order; names and certificates differ
  std::vector<ListedDigest> digests;    // in the manifest's order; no digest twice
  std::map<std::string, Grant> grants;  // those of the manifest and the built-in ones
  std::string default_grant = "none";
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
// format itself, with each certificate's content in hex where its path was; the order of signers and digests, notes and
// the built-in grants are left out of account. Used to tell whether a loaded policy is the one in a file.
std::string canonical_text(const Manifest& manifest);

}  // namespace bpfgate::manifest
