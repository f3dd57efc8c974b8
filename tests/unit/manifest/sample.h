// SPDX-License-Identifier: MIT
// A manifest to vary, parsed without touching a file.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "manifest/manifest.h"

namespace bpfgate::manifest::test {

inline const std::string kDigest = "sha256:" + std::string(62, '0') + "ab";

// The least that parses.
inline nlohmann::json minimal() { return {{"bpfgate", 1}, {"name", "host"}, {"sequence", 1}, {"mode", "enforce"}}; }

// With one of everything.
inline nlohmann::json sample() {
  nlohmann::json json = minimal();
  json["signers"] = {{{"name", "loaders"}, {"role", "loader"}, {"certificate", "loaders.pem"}, {"grant", "tracing"}},
                     {{"name", "libs"}, {"role", "library"}, {"certificate", "/etc/libs.pem"}}};
  json["digests"] = {{{"kind", "fsverity"}, {"digest", kDigest}, {"grant", "full"}, {"note", "a note"}}};
  json["revoked"] = {{"digests", {{{"kind", "ima"}, {"digest", kDigest}, {"note", "a note"}}}},
                     {"certificates", {{{"fingerprint", kDigest}, {"note", "a note"}}}}};
  json["grants"] = {{"tracing", {{"commands", {"prog_load", "map_create"}}}}};
  json["default"] = {{"grant", "inspect"}};
  return json;
}

// Certificates are their own paths.
inline Result<Bytes> path_as_content(const std::filesystem::path& path) {
  ByteView bytes = as_bytes(path.native());
  return Bytes(bytes.begin(), bytes.end());
}

inline Result<Manifest> parse_text(std::string_view text) { return parse(text, "/dir/m.json", path_as_content); }
inline Result<Manifest> parse_json(const nlohmann::json& json) { return parse_text(json.dump()); }

}  // namespace bpfgate::manifest::test
