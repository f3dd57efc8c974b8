// SPDX-License-Identifier: MIT
// The policy of a host as typed structs. docs/MANIFEST.md is the reference of the format.
#pragma once

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

enum class Mode { Audit, Enforce };
enum class Role { Loader, Library };

std::string_view name_of(Mode mode);  // "audit", "enforce"
std::string_view name_of(Role role);  // "loader", "library"

// Which bpf(2) commands a grant allows: bit N is command number N of enum bpf_cmd (include/uapi/linux/bpf.h).
using CommandSet = uint64_t;

struct Grant {
  std::string name;
  CommandSet commands = 0;
};

// Built in, and not to be redefined: "none" (nothing), "inspect" (list and read info of objects, no loading and no
// writing) and "full" (everything, commands added by later kernels too).
Grant grant_none();
Grant grant_inspect();
Grant grant_full();

// Command names as libbpf and systemd's BPFDelegateCommands= spell them: "prog_load", "map_create", ...
Result<unsigned> command_number(std::string_view name);
std::string command_name(unsigned number);  // "command 77" where the number has no name here

struct Signer {
  std::string name;
  Role role = Role::Loader;
  std::string certificate_path;  // as the manifest says it, made absolute against the manifest's directory
  Bytes certificate;             // the file's content, PEM or DER, unparsed
  std::string grant;             // name of a grant; empty for role Library
};

struct ListedDigest {
  uint16_t algorithm = 0;  // FS_VERITY_HASH_ALG_*
  Bytes digest;            // 32 or 64 bytes, as the algorithm says
  Role role = Role::Loader;
  std::string grant;  // empty for role Library
  std::string note;
};

struct Manifest {
  std::string name;
  uint64_t sequence = 0;
  Mode mode = Mode::Audit;
  std::vector<Signer> signers;
  std::vector<ListedDigest> digests;
  std::map<std::string, Grant> grants;  // those of the manifest and the built-in ones
  std::string default_grant = "none";
};

// Parses and checks everything: unknown or duplicate keys, duplicate names, dangling references, wrong types, out of
// range values. An error names the file, the JSON pointer and the mend. `read_certificate` is how certificate files
// are read, so that the parser itself touches no file.
using CertificateReader = std::function<Result<Bytes>(const std::filesystem::path&)>;
Result<Manifest> parse(std::string_view text, const std::filesystem::path& path, const CertificateReader& read_certificate);

// Reads the file and the certificates it names (relative to it).
Result<Manifest> load(const std::filesystem::path& path);

// One canonical JSON text for equal policies (certificates by their content): equal texts mean equal
// policies. Used to tell whether a loaded policy is the one in a file.
std::string canonical_text(const Manifest& manifest);

}  // namespace bpfgate::manifest
