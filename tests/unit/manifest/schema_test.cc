// SPDX-License-Identifier: MIT
// manifests/schema.json says the same as the parser, and what ships in manifests/ parses.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <set>
#include <span>

#include "base/io.h"
#include "manifest/keys.h"
#include "manifest/sample.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;
using nlohmann::json;

namespace {

json shipped(const std::string& name) {
  return json::parse(read_text_file(std::filesystem::path(MANIFESTS) / name, kMaxManifestBytes).value());
}

std::set<std::string> keys_of(const json& object) {
  std::set<std::string> names;
  for (const auto& item : object.at("properties").items()) names.insert(item.key());
  CHECK(object.at("additionalProperties") == false);
  return names;
}

std::set<std::string> as_set(std::span<const std::string_view> words) { return {words.begin(), words.end()}; }

}  // namespace

TEST_CASE("the schema knows the keys the parser knows") {
  json schema = shipped("schema.json");
  const json& parts = schema.at("$defs");
  CHECK(keys_of(schema) == as_set(keys::manifest));
  CHECK(keys_of(parts.at("signer")) == as_set(keys::signer));
  CHECK(keys_of(parts.at("digest")) == as_set(keys::digest));
  CHECK(keys_of(parts.at("volume")) == as_set(keys::volume));
  CHECK(keys_of(parts.at("volume_loader")) == as_set(keys::volume_loader));
  CHECK(keys_of(schema.at("properties").at("evidence")) == as_set(keys::evidence));
  CHECK(keys_of(parts.at("revoked")) == as_set(keys::revoked));
  CHECK(keys_of(parts.at("revoked_digest")) == as_set(keys::revoked_digest));
  CHECK(keys_of(parts.at("revoked_certificate")) == as_set(keys::revoked_certificate));
  CHECK(keys_of(schema.at("properties").at("extension")) == as_set(keys::extension));
  CHECK(keys_of(parts.at("grant")) == as_set(keys::grant));
  CHECK(keys_of(parts.at("helpers")) == as_set(keys::helpers));
  CHECK(keys_of(parts.at("attach_to")) == as_set(keys::attach_to));
  CHECK(keys_of(parts.at("when")) == as_set(keys::when));
  CHECK(keys_of(schema.at("properties").at("default")) == as_set(keys::default_rule));
}

TEST_CASE("the schema requires what the parser requires") {
  json schema = shipped("schema.json");
  const json whole = sample();
  for (const auto& item : whole.items()) {
    INFO(item.key());
    json without = whole;
    without.erase(item.key());
    if (item.key() == "grants") continue;  // others refer to it
    const json& required = schema.at("required");
    bool is_required = std::find(required.begin(), required.end(), item.key()) != required.end();
    CHECK(parse_json(without).has_value() != is_required);
  }
}

TEST_CASE("the schema has the parser's limits") {
  json schema = shipped("schema.json");
  const json& properties = schema.at("properties");
  const json& parts = schema.at("$defs");
  CHECK(properties.at("sequence").at("maximum") == kMaxSequence);
  CHECK(properties.at("signers").at("maxItems") == kMaxSigners);
  CHECK(properties.at("digests").at("maxItems") == kMaxDigests);
  CHECK(properties.at("grants").at("maxProperties") == kMaxGrants - 5);
  CHECK(parts.at("ids").at("maxItems") == kMaxIds);
  CHECK(parts.at("globs").at("maxItems") == kMaxGlobs);
  CHECK(parts.at("when").at("properties").at("cgroups").at("maxItems") == kMaxCgroups);
  CHECK(parts.at("kfuncs").at("maxItems") == kMaxListedKfuncs);
  CHECK(parts.at("name").at("pattern") == "^[A-Za-z0-9._-]{1," + std::to_string(kMaxNameBytes) + "}$");
  CHECK(parts.at("note").at("maxLength") == kMaxNoteBytes);
  const json& revoked = parts.at("revoked").at("properties");
  CHECK(revoked.at("digests").at("maxItems") == kMaxRevokedDigests);
  CHECK(revoked.at("certificates").at("maxItems") == kMaxRevokedCertificates);
  CHECK(parts.at("signer").at("properties").at("certificate").at("maxLength") == kMaxPathBytes);
}

TEST_CASE("the schema lists every command") {
  auto names = kCommands.names;
  std::set<std::string> expected(names.begin(), names.end());
  expected.insert("prog_run");
  json parts = shipped("schema.json").at("$defs");
  json listed = parts.at("command").at("enum");
  CHECK(listed.get<std::set<std::string>>() == expected);
  CHECK(listed.size() == expected.size());
  auto taken = names_in(skeleton_commands(), kCommands);
  std::set<std::string> for_skeletons(taken.begin(), taken.end());
  for_skeletons.insert("prog_run");
  CHECK(parts.at("skeleton_command").at("enum").get<std::set<std::string>>() == for_skeletons);
}

TEST_CASE("the schema lists every type and helper") {
  json parts = shipped("schema.json").at("$defs");
  const std::pair<const char*, const Vocabulary&> lists[] = {
      {"program_type", kProgramTypes}, {"map_type", kMapTypes}, {"attach_type", kAttachTypes}, {"helper", kHelpers}};
  for (const auto& [key, vocabulary] : lists) {
    INFO(key);
    CHECK(parts.at(key).at("enum").get<std::set<std::string>>() == as_set(vocabulary.names));
  }
}

TEST_CASE("the example parses") {
  auto manifest = parse_json(shipped("example.json"));
  REQUIRE(manifest);
  CHECK(manifest->signers.size() == 2);
  CHECK(manifest->mode == Mode::Audit);
}
