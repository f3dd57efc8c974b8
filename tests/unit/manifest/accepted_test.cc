// SPDX-License-Identifier: MIT
#include <catch2/catch_test_macros.hpp>

#include "manifest/sample.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;

TEST_CASE("the least manifest has the built-in grants and grants nothing by default") {
  auto manifest = parse_json(minimal());
  REQUIRE(manifest);
  CHECK(manifest->name == "host");
  CHECK(manifest->sequence == 1);
  CHECK(manifest->mode == Mode::Enforce);
  CHECK(manifest->signers.empty());
  CHECK(manifest->digests.empty());
  CHECK(manifest->default_grants == std::vector<std::string>{"none"});
  CHECK(manifest->grants == std::map<std::string, Grant>{{"none", grant_none()},
                                                         {"inspect", grant_inspect()},
                                                         {"full", grant_full()},
                                                         {"admin", grant_admin()},
                                                         {"signed-programs-only", grant_signed_programs()}});
}

TEST_CASE("everything of a manifest arrives in the structs") {
  auto manifest = parse_json(sample());
  REQUIRE(manifest);
  REQUIRE(manifest->signers.size() == 2);
  CHECK(manifest->signers[0] ==
        Signer{"loaders", Role::Loader, "/dir/loaders.pem", path_as_content("/dir/loaders.pem").value(), {"tracing"}});
  CHECK(manifest->signers[1] ==
        Signer{"libs", Role::Library, "/etc/libs.pem", path_as_content("/etc/libs.pem").value(), {}});
  Bytes digest(32, 0);
  digest.back() = 0xab;
  REQUIRE(manifest->digests.size() == 1);
  CHECK(manifest->digests[0] == ListedDigest{DigestKind::FsVerity, 1, digest, Role::Loader, {"full"}, "a note"});
  CHECK(manifest->grants.at("tracing") == Grant{"tracing", 1U << 5 | 1U << 0});
  CHECK(manifest->default_grants == std::vector<std::string>{"inspect"});
}

TEST_CASE("certificate paths are relative to the manifest, wherever that is") {
  auto text = sample().dump();
  auto here = parse(text, "m.json", path_as_content);
  REQUIRE(here);
  CHECK(here->signers[0].certificate_path == (std::filesystem::current_path() / "loaders.pem").string());
  auto below = parse(text, "/a/b/../m.json", path_as_content);
  REQUIRE(below);
  CHECK(below->signers[0].certificate_path == "/a/loaders.pem");
}

TEST_CASE("sha512 digests, upper-case digits and library digests") {
  auto json = sample();
  json["digests"] = {{{"kind", "fsverity"}, {"digest", "sha512:" + std::string(128, 'F')}, {"role", "library"}}};
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->digests[0] == ListedDigest{DigestKind::FsVerity, 2, Bytes(64, 0xff), Role::Library, {}, ""});
}

TEST_CASE("a grant may allow any command, or none") {
  auto json = sample();
  json["grants"] = {{"tracing", {{"commands", "any"}}}, {"nothing", {{"commands", nlohmann::json::array()}}}};
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->grants.at("tracing").commands == kAny);
  CHECK(manifest->grants.at("nothing").commands == 0);
}

TEST_CASE("the limits themselves are within") {
  auto json = minimal();
  json["name"] = std::string(kMaxNameBytes, 'n');
  json["sequence"] = kMaxSequence;
  for (size_t i = 0; i < kMaxSigners; ++i)
    json["signers"].push_back(
        {{"name", "s" + std::to_string(i)}, {"role", "library"}, {"certificate", std::to_string(i)}});
  for (size_t i = 0; i < kMaxGrants - 5; ++i) json["grants"]["g" + std::to_string(i)] = {{"commands", "any"}};
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->sequence == 9007199254740991);
  CHECK(manifest->signers.size() == 1000);
  CHECK(manifest->grants.size() == 64);
}

TEST_CASE("100,000 digests are within the limit, and read in reasonable time") {
  auto json = minimal();
  for (uint32_t i = 0; i < kMaxDigests; ++i) {
    Bytes digest(32, 0);
    for (size_t byte = 0; byte < 4; ++byte) digest[byte] = static_cast<uint8_t>(i >> (8 * byte));
    json["digests"].push_back({{"kind", "fsverity"}, {"digest", "sha256:" + to_hex(digest)}, {"grant", "full"}});
  }
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->digests.size() == kMaxDigests);
}

TEST_CASE("options of grants, a signer of manifests, and every mode") {
  auto json = sample();
  json["grants"]["tracing"]["jit"] = true;
  json["grants"]["other"] = {{"commands", "any"}, {"debug", true}, {"jit", false}};
  json["signers"].push_back({{"name", "policy"}, {"role", "manifest"}, {"certificate", "policy.pem"}});
  for (auto [word, mode] : {std::pair("audit", Mode::Audit), {"enforce", Mode::Enforce}, {"off", Mode::Off}}) {
    json["mode"] = word;
    auto manifest = parse_json(json);
    REQUIRE(manifest);
    CHECK(manifest->mode == mode);
    CHECK(name_of(mode) == word);
    CHECK(manifest->grants.at("tracing") == Grant{"tracing", 1U << 5 | 1U << 0, false, false, true});
    CHECK(manifest->grants.at("other") == Grant{.name = "other", .commands = kAny, .debug = true});
    CHECK(manifest->signers.at(2).role == Role::Manifest);
  }
}

TEST_CASE("IMA digests are listed where they count, and are others than those of fs-verity") {
  nlohmann::json json = sample();
  json["evidence"] = {{"ima", true}};
  json["digests"].push_back({{"kind", "ima"}, {"digest", kDigest}, {"grant", "full"}});
  json["digests"].push_back({{"kind", "ima"}, {"digest", "sha384:" + std::string(96, 'a')}, {"grant", "full"}});
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->evidence.ima);
  CHECK(manifest->digests.at(1).kind == DigestKind::Ima);
  CHECK(manifest->digests.at(1).algorithm == 4);
  CHECK(manifest->digests.at(2).algorithm == 5);
  CHECK(canonical_text(*manifest).find("sha384:" + std::string(96, 'a')) != std::string::npos);
  json["evidence"] = {{"ima", false}};
  CHECK_FALSE(parse_json(json));
}

TEST_CASE("volumes are trusted by root hash, with their loaders by inode") {
  nlohmann::json json = sample();
  CHECK(parse_json(json)->volumes.empty());
  json["volumes"] = {{{"name", "usr"},
                      {"root_hash", "sha512:" + std::string(128, 'b')},
                      {"loaders", {{{"path", "/bin/bpftool"}, {"inode", 17}, {"grant", {"inspect", "full"}}}}}},
                     {{"name", "data"}, {"root_hash", kDigest}}};
  json["evidence"] = {{"signed_volumes", true}};
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->evidence == EvidenceRules{.ima = false, .signed_volumes = true});
  REQUIRE(manifest->volumes.size() == 2);
  CHECK(root_hash_text(manifest->volumes[0]) == "sha512:" + std::string(128, 'b'));
  CHECK(manifest->volumes[0].loaders.at(0) == VolumeLoader{"/bin/bpftool", 17, {"full", "inspect"}});
  CHECK(root_hash_text(manifest->volumes[1]) == kDigest);
  CHECK(manifest->volumes[1].loaders.empty());
  CHECK(canonical_text(*manifest).find(R"("loaders":[{"grant":["full","inspect"],"inode":17,"path":")") !=
        std::string::npos);
}

TEST_CASE("what is revoked arrives in the structs, of whatever kind, and twice is once") {
  auto json = sample();
  for (const char* list : {"digests", "certificates"}) json["revoked"][list].push_back(json["revoked"][list][0]);
  json["revoked"]["digests"].push_back({{"kind", "fsverity"}, {"digest", kDigest}});
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  const Bytes value = from_hex(kDigest.substr(7)).value();
  // HASH_ALGO_SHA256 (include/uapi/linux/hash_info.h) and FS_VERITY_HASH_ALG_SHA256.
  CHECK(manifest->revoked.digests ==
        std::vector<RevokedDigest>{{DigestKind::Ima, 4, value, "a note"}, {DigestKind::FsVerity, 1, value, ""}});
  CHECK(manifest->revoked.certificates == std::vector<RevokedCertificate>{{value, "a note"}});
}

TEST_CASE("a manifest may revoke nothing") {
  for (const char* revoked : {"{}", R"({"digests": []})", R"({"certificates": []})"}) {
    auto json = minimal();
    json["revoked"] = nlohmann::json::parse(revoked);
    auto manifest = parse_json(json);
    REQUIRE(manifest);
    CHECK(manifest->revoked == Revocations());
  }
}

TEST_CASE("an extension has a path beside the manifest, and a digest that alone counts") {
  nlohmann::json json = sample();
  CHECK_FALSE(parse_json(json)->extension);
  json["extension"] = {{"path", "a/last_word.bpf.o"}, {"digest", "sha256:" + std::string(64, 'c')}};
  auto manifest = parse_json(json);
  REQUIRE(manifest);
  CHECK(manifest->extension == Extension{"/dir/a/last_word.bpf.o", Bytes(32, 0xcc)});
  json["extension"]["path"] = "/elsewhere.o";
  auto elsewhere = parse_json(json);
  REQUIRE(elsewhere);
  CHECK(elsewhere->extension->path == "/elsewhere.o");
  CHECK(canonical_text(*elsewhere) == canonical_text(*manifest));
  json["extension"]["digest"] = "sha256:" + std::string(64, 'd');
  CHECK(canonical_text(*parse_json(json)) != canonical_text(*manifest));
}
