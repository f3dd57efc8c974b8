// SPDX-License-Identifier: MIT
#include "volume/signature.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/io.h"
#include "crypto/base64.h"
#include "crypto/crypto.h"
#include "manifest/document.h"
#include "manifest/place.h"

namespace bpfgate::volume {
namespace {

using Json = nlohmann::ordered_json;
using manifest::Place;

constexpr size_t partition_size = 16384;
constexpr size_t max_file_size = size_t{4} << 20;  // as much as systemd reads of such a partition
constexpr size_t max_text_size = size_t{64} << 10;

template <class Bytes>
Result<Bytes> decoded(const Place& place, Result<Bytes> value) {
  if (value) return value;
  return place.fail(value.error().message, "make the partition anew: bpfgate volume sign --partition");
}

Result<Bytes> read_hex(const Place& place) {
  TRY_ASSIGN(std::string text, place.text(max_text_size));
  return decoded(place, from_hex(text));
}

Result<std::optional<std::array<uint8_t, 32>>> read_fingerprint(const Place& root) {
  auto place = root.optional_member("certificateFingerprint");
  if (!place) return std::nullopt;
  TRY_ASSIGN(Bytes value, read_hex(*place));
  std::array<uint8_t, 32> fingerprint;
  if (value.size() != fingerprint.size()) return place->fail("is no SHA-256", "it has 64 hexadecimal digits");
  std::copy(value.begin(), value.end(), fingerprint.begin());
  return fingerprint;
}

// Keys that are unknown are let be, as systemd does: a later one may write more.
Result<Signature> parse_partition(std::string_view text, const std::string& name) {
  TRY_ASSIGN(const nlohmann::json document, manifest::parse_document(text, name));
  const Place root(name, document);
  TRY_ASSIGN(Place root_hash, root.member("rootHash"));
  TRY_ASSIGN(Place signature, root.member("signature"));
  Signature parsed;
  TRY_ASSIGN(parsed.root_hash, read_hex(root_hash));
  TRY_ASSIGN(std::string base64, signature.text(max_text_size));
  TRY_ASSIGN(parsed.pkcs7, decoded(signature, crypto::from_base64(base64)));
  TRY_ASSIGN(parsed.fingerprint, read_fingerprint(root));
  return parsed;
}

std::string_view without_filling(ByteView content) {
  const std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  return text.substr(0, text.find_last_not_of('\0') + 1);
}

}  // namespace

std::string signed_text(ByteView root_hash) { return to_hex(root_hash); }

std::string partition_of(const Signature& signature) {
  Json json = Json::object();
  if (signature.root_hash) json["rootHash"] = to_hex(*signature.root_hash);
  if (signature.fingerprint) json["certificateFingerprint"] = to_hex(*signature.fingerprint);
  json["signature"] = crypto::to_base64(signature.pkcs7);
  std::string text = json.dump();
  text.resize(std::max(text.size(), partition_size), '\0');
  return text;
}

Result<Signature> parse_signature(ByteView content, const std::string& name) {
  Signature parsed;
  if (!content.empty() && content.front() == '{') {
    TRY_ASSIGN(parsed, parse_partition(without_filling(content), name));
  } else {
    parsed.pkcs7.assign(content.begin(), content.end());
  }
  if (auto formed = crypto::check_well_formed(parsed.pkcs7); !formed)
    return Failure(std::move(formed).error().within(name));
  return parsed;
}

Result<Signature> read_signature(const std::filesystem::path& path) {
  TRY_ASSIGN(const Bytes content, read_file(path, max_file_size));
  return parse_signature(content, path.string());
}

}  // namespace bpfgate::volume
