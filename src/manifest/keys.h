// SPDX-License-Identifier: MIT
// The keys each object of a manifest may have. One table per object: the parser refuses everything else, its messages
// list them, and a test holds manifests/schema.json to them.
#pragma once

#include <array>
#include <string_view>

namespace bpfgate::manifest::keys {

inline constexpr std::array<std::string_view, 12> manifest = {"bpfgate",  "name",      "sequence", "mode",
                                                              "evidence", "extension", "signers",  "digests",
                                                              "volumes",  "revoked",   "grants",   "default"};
inline constexpr std::array<std::string_view, 2> extension = {"path", "digest"};
inline constexpr std::array<std::string_view, 2> evidence = {"ima", "signed_volumes"};
inline constexpr std::array<std::string_view, 4> signer = {"name", "role", "certificate", "grant"};
inline constexpr std::array<std::string_view, 5> digest = {"kind", "digest", "role", "grant", "note"};
inline constexpr std::array<std::string_view, 3> volume = {"name", "root_hash", "loaders"};
inline constexpr std::array<std::string_view, 3> volume_loader = {"path", "inode", "grant"};
inline constexpr std::array<std::string_view, 10> grant = {"commands", "program_types", "map_types", "attach_types",
                                                           "helpers",  "attach_to",     "when",      "debug",
                                                           "jit",      "signed_by"};
inline constexpr std::array<std::string_view, 5> helpers = {"class", "allow", "allow_kfuncs", "deny", "deny_kfuncs"};
inline constexpr std::array<std::string_view, 3> attach_to = {"functions", "tracepoints", "lsm_hooks"};
inline constexpr std::array<std::string_view, 5> when = {"uids", "gids", "cgroups", "network_namespace",
                                                         "user_namespace"};
inline constexpr std::array<std::string_view, 1> default_rule = {"grant"};
inline constexpr std::array<std::string_view, 2> revoked = {"digests", "certificates"};
inline constexpr std::array<std::string_view, 3> revoked_digest = {"kind", "digest", "note"};
inline constexpr std::array<std::string_view, 2> revoked_certificate = {"fingerprint", "note"};
// Of a drop-in (manifest/layers.h): the first five are added, the others replace.
inline constexpr std::array<std::string_view, 8> drop_in = {"signers", "digests", "volumes", "revoked",
                                                            "grants",  "mode",    "default", "sequence"};

}  // namespace bpfgate::manifest::keys
