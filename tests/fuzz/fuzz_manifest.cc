// SPDX-License-Identifier: MIT
// Any bytes as a manifest: parse() answers, what it accepts survives the canonical text, and what it complains about
// can be shown on a terminal.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "manifest/manifest.h"

using namespace bpfgate;
using namespace bpfgate::manifest;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

// Certificates that differ as their paths do, short enough for their hex to be a file name. Some can't be read.
Result<Bytes> fake_certificate(const std::filesystem::path& path) {
  if (path.native().ends_with("absent")) return fail_errno(path.string(), ENOENT);
  uint64_t hash = 14695981039346656037U;  // FNV-1a
  for (char letter : path.native()) hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211U;
  Bytes content;
  for (int byte = 0; byte < 8; ++byte) content.push_back(static_cast<uint8_t>(hash >> (8 * byte)));
  return content;
}

// The canonical text has a certificate's content, in hex, where its path was.
Result<Bytes> certificate_in_path(const std::filesystem::path& path) { return from_hex(path.filename().native()); }

void check_round_trip(const Manifest& manifest) {
  std::string text = canonical_text(manifest);
  auto again = parse(text, "/m.json", certificate_in_path);
  require(again.has_value());
  require(canonical_text(*again) == text);
  require(again->name == manifest.name && again->sequence == manifest.sequence && again->mode == manifest.mode);
  require(again->grants == manifest.grants && again->default_grants == manifest.default_grants);
  require(again->signers.size() == manifest.signers.size() && again->digests.size() == manifest.digests.size());
}

void check_shown(std::string_view text) {
  for (char letter : text) require(static_cast<unsigned char>(letter) >= 0x20 && letter != 0x7f);
}

void check_error(const Error& error) {
  require(error.message.starts_with("/m.json:"));
  require(error.kind == ErrorKind::Invalid || error.code == ENOENT);
  check_shown(error.message);
  check_shown(error.remedy);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  auto manifest = parse(text, "/m.json", fake_certificate);
  if (manifest)
    check_round_trip(*manifest);
  else
    check_error(manifest.error());
  return 0;
}
