// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>
#include <fstream>
#include <iterator>

#include "manifest/keys.h"
#include "manifest/sample.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;
using nlohmann::json;

namespace {

std::string canonical(const json& source) { return canonical_text(parse_json(source).value()); }

}  // namespace

TEST_CASE("the canonical text is what it is documented to be") {
  json source = minimal();
  source["signers"] = {{{"name", "s"}, {"role", "loader"}, {"certificate", "/c"}, {"grant", "g"}}};
  source["grants"] = {{"g", {{"commands", {"prog_load", "map_create"}}}}};
  CHECK(canonical(source) ==
        R"({"bpfgate":1,"default":{"grant":"none"},"digests":[],)"
        R"("grants":{"g":{"commands":["map_create","prog_load"]}},"mode":"enforce","name":"host","sequence":1,)"
        R"("signers":[{"certificate":"2f63","grant":"g","name":"s","role":"loader"}]})"
        "\n");
}

TEST_CASE("what is revoked has an order and no notes; without any the text is what it was before there could be") {
  json source = minimal();
  source["revoked"] = {{"digests", json::array()}, {"certificates", json::array()}};
  CHECK(canonical(source) == canonical(minimal()));
  const std::string zeros(64, '0');
  source["revoked"]["digests"] = {{{"kind", "ima"}, {"digest", "sha256:" + zeros}, {"note", "x"}},
                                  {{"kind", "fsverity"}, {"digest", "sha256:" + zeros}}};
  source["revoked"]["certificates"] = {{{"fingerprint", "sha256:" + std::string(64, 'F')}},
                                       {{"fingerprint", "sha256:" + zeros}, {"note", "x"}}};
  const std::string expected = R"("revoked":{"certificates":[{"fingerprint":"sha256:)" + zeros +
                               R"("},{"fingerprint":"sha256:)" + std::string(64, 'f') +
                               R"("}],"digests":[{"digest":"sha256:)" + zeros +
                               R"(","kind":"fsverity"},{"digest":"sha256:)" + zeros + R"(","kind":"ima"}]},)";
  CHECK(canonical(source).find(expected) != std::string::npos);
}

TEST_CASE("order and notes do not change the canonical text") {
  json source = sample();
  source["digests"].push_back({{"kind", "fsverity"}, {"digest", "sha512:" + std::string(128, '0')}, {"grant", "none"}});
  json other = source;
  std::swap(other["signers"][0], other["signers"][1]);
  std::swap(other["digests"][0], other["digests"][1]);
  other["grants"]["tracing"]["commands"] = {"map_create", "prog_load"};
  other["digests"][1].erase("note");
  CHECK(canonical(source) == canonical(other));
}

TEST_CASE("whatever decides something changes the canonical text") {
  const char* patches[] = {
      R"([{"op":"replace","path":"/name","value":"other"}])",
      R"([{"op":"replace","path":"/sequence","value":2}])",
      R"([{"op":"replace","path":"/mode","value":"audit"}])",
      R"([{"op":"replace","path":"/signers/0/name","value":"other"}])",
      R"([{"op":"replace","path":"/signers/0/certificate","value":"other"}])",
      R"([{"op":"replace","path":"/signers/0/grant","value":"full"}])",
      R"([{"op":"remove","path":"/signers/1"}])",
      R"([{"op":"replace","path":"/digests/0/grant","value":"tracing"}])",
      R"([{"op":"remove","path":"/digests/0"}])",
      R"([{"op":"replace","path":"/grants/tracing/commands","value":"any"}])",
      R"([{"op":"add","path":"/grants/tracing/debug","value":true}])",
      R"([{"op":"add","path":"/grants/tracing/jit","value":true}])",
      R"([{"op":"add","path":"/grants/tracing/signed_by","value":"any"}])",
      R"([{"op":"replace","path":"/signers/1/role","value":"program"}])",
      R"([{"op":"replace","path":"/mode","value":"off"}])",
      R"([{"op":"remove","path":"/default"}])",
      R"([{"op":"remove","path":"/revoked"}])",
      R"([{"op":"remove","path":"/revoked/digests"}])",
      R"([{"op":"remove","path":"/revoked/certificates/0"}])",
      R"([{"op":"replace","path":"/revoked/digests/0/kind","value":"fsverity"}])",
  };
  for (const char* patch : patches) {
    INFO(patch);
    CHECK(canonical(sample()) != canonical(sample().patch(json::parse(patch))));
  }
}

TEST_CASE("the canonical text of a manifest with every key is itself one") {
  std::ifstream file(TEST_CORPUS "/everything.json");
  const std::string source((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  auto first = parse_text(source);
  INFO((first ? "" : first.error().message));
  REQUIRE(first);
  for (std::string_view key : keys::manifest) {
    INFO(key);
    CHECK(source.find('"' + std::string(key) + '"') != std::string::npos);
  }
  auto second = parse(canonical_text(*first), "/", [](const auto& path) { return from_hex(path.filename().string()); });
  INFO((second ? "" : second.error().message));
  REQUIRE(second);
  CHECK(canonical_text(*second) == canonical_text(*first));
}

TEST_CASE("the canonical text is itself a manifest, with certificates in hex for paths") {
  auto first = parse_json(sample());
  REQUIRE(first);
  std::string text = canonical_text(*first);
  auto second = parse(text, "/", [](const auto& path) { return from_hex(path.filename().string()); });
  REQUIRE(second);
  CHECK(canonical_text(*second) == text);
  CHECK(second->grants == first->grants);
  CHECK(second->signers[1].certificate == first->signers[0].certificate);  // sorted by name: libs, loaders
}
