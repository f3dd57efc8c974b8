// SPDX-License-Identifier: MIT
// The policy of a host: which files count, in what order, and what is said of which of them.
#include "manifest/layers.h"

#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "manifest/sample.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const std::string base_name = "/etc/bpfgate/manifest.json";
const std::string first_name = "/run/bpfgate/manifest.d/10-first.json";
const std::string second_name = "/etc/bpfgate/manifest.d/20-second.json";

Result<Manifest> layered(const json& base, const std::vector<json>& drop_ins) {
  std::vector<Layer> layers = {{base_name, base.dump()}};
  const std::string names[] = {first_name, second_name};
  for (size_t i = 0; i < drop_ins.size(); ++i) layers.push_back({names[i], drop_ins[i].dump()});
  return parse_layers(layers, "", path_as_content);
}

void check_refused(const Result<Manifest>& result, const std::string& message) {
  REQUIRE_FALSE(result);
  INFO(result.error().message);
  CHECK(result.error().kind == ErrorKind::Invalid);
  CHECK(result.error().message == message);
}

json library(const std::string& name, const std::string& certificate) {
  return {{"name", name}, {"role", "library"}, {"certificate", certificate}};
}

// Three directories below one root, as on a host.
struct Host {
  bpfgate::test::TemporaryDirectory directory;
  fs::path root = directory.path();

  fs::path write(const std::string& name, const json& content) const {
    fs::create_directories((root / name).parent_path());
    return directory.file(name, content.dump());
  }
  [[nodiscard]] Result<Layers> load() const { return load_layers({.root = root}); }
};

json named(const std::string& name) {
  json base = minimal();
  base["name"] = name;
  return base;
}

}  // namespace

TEST_CASE("a base alone is what it is without layers") {
  auto alone = parse(sample().dump(), base_name, path_as_content);
  auto layer = layered(sample(), {});
  REQUIRE(alone);
  REQUIRE(layer);
  CHECK(*layer == *alone);
}

TEST_CASE("drop-ins add signers, digests and grants") {
  json first = {{"signers", {library("more", "more.pem")}}, {"grants", {{"looking", {{"commands", {"obj_get"}}}}}}};
  json second = {
      {"digests", {{{"kind", "fsverity"}, {"digest", "sha256:" + std::string(64, '1')}, {"grant", "looking"}}}}};
  auto manifest = layered(sample(), {first, second});
  REQUIRE(manifest);
  REQUIRE(manifest->signers.size() == 3);
  CHECK(manifest->signers[0].certificate_path == "/etc/bpfgate/loaders.pem");
  CHECK(manifest->signers[2].certificate_path == "/run/bpfgate/manifest.d/more.pem");
  REQUIRE(manifest->digests.size() == 2);
  CHECK(manifest->digests[1].grants == std::vector<std::string>{"looking"});
  CHECK(manifest->grants.contains("tracing"));
}

TEST_CASE("drop-ins add to what the base has not") {
  auto manifest =
      layered(minimal(), {{{"signers", {library("l", "l.pem")}}}, {{"grants", {{"g", {{"commands", "any"}}}}}}});
  REQUIRE(manifest);
  CHECK(manifest->signers.size() == 1);
  CHECK(manifest->grants.contains("g"));
}

TEST_CASE("drop-ins replace mode, default and sequence, the last one for all") {
  auto manifest =
      layered(sample(), {{{"mode", "audit"}, {"sequence", 7}}, {{"sequence", 9}, {"default", {{"grant", "none"}}}}});
  REQUIRE(manifest);
  CHECK(manifest->mode == Mode::Audit);
  CHECK(manifest->sequence == 9);
  CHECK(manifest->default_grants == std::vector<std::string>{"none"});
}

TEST_CASE("what is there twice is named with both its files") {
  check_refused(
      layered(sample(), {{{"signers", {library("loaders", "x.pem")}}}}),
      first_name + ": /signers/0/name: a signer named \"loaders\" is already at " + base_name + ": /signers/0");
  check_refused(
      layered(sample(), {{{"signers", {library("x", "/etc/bpfgate/loaders.pem")}}}}),
      first_name + ": /signers/0/certificate: the same certificate is already at " + base_name + ": /signers/0");
  json digest = {{"digests", sample()["digests"]}};
  check_refused(layered(minimal(), {digest, digest}),
                second_name + ": /digests/0/digest: the same digest is already at " + first_name + ": /digests/0");
  check_refused(
      layered(sample(), {{{"grants", sample()["grants"]}}}),
      first_name + ": /grants/tracing: a grant named \"tracing\" is already at " + base_name + ": /grants/tracing");
}

TEST_CASE("a drop-in revokes what a lower layer trusts, and what others revoke too") {
  const json revoked = {{"digests", {{{"kind", "fsverity"}, {"digest", kDigest}}}},
                        {"certificates", {{{"fingerprint", kDigest}}}}};
  json base = minimal();
  base["digests"] = sample()["digests"];
  auto manifest = layered(base, {{{"revoked", revoked}}, {{"revoked", revoked}}});
  REQUIRE(manifest);
  CHECK(manifest->digests.size() == 1);
  CHECK(manifest->revoked.digests.size() == 1);
  CHECK(manifest->revoked.certificates.size() == 1);
  CHECK(layered(base, {{{"revoked", json::object()}}}));
  base["revoked"] = sample()["revoked"];
  manifest = layered(base, {{{"revoked", revoked}}});
  REQUIRE(manifest);
  CHECK(manifest->revoked.digests.size() == 2);
  json wrong = revoked;
  wrong["digests"].push_back({{"kind", "fsverity"}, {"digest", "x"}});
  check_refused(layered(base, {json::object(), {{"revoked", wrong}}}),
                second_name + ": /revoked/digests/1/digest: \"x\" names no known hash algorithm");
  check_refused(layered(base, {{{"revoked", {{"digest", 1}}}}}), first_name + ": /revoked/digest: unknown key");
  check_refused(layered(base, {{{"revoked", 1}}}), first_name + ": /revoked: must be an object, not a number (1)");
  base["revoked"] = json::array();
  check_refused(layered(base, {{{"revoked", revoked}}}), base_name + ": /revoked: must be an object, not an array");
}

TEST_CASE("errors name the file that is wrong, and the place there") {
  json wrong = library("more", "more.pem");
  wrong["role"] = "libary";
  check_refused(layered(sample(), {json::object(), {{"signers", {wrong}}}}),
                second_name + ": /signers/0/role: no role is named \"libary\"");
  check_refused(layered(sample(), {{{"mode", 1}}}), first_name + ": /mode: must be a string, not a number (1)");
  check_refused(
      layered(sample(), {{{"default", {{"grant", "admin"}}}}}),
      first_name + ": /default/grant: the default grant cannot be \"admin\": every process could disarm the gate");
  check_refused(layered(sample(), {{{"grants", {{"full", {{"commands", "any"}}}}}}}),
                first_name + ": /grants/full: the grant \"full\" is built in");
  check_refused(layered(sample(), {{{"signers", nullptr}}}), first_name + ": /signers: must be an array, not null");
  check_refused(layered(sample(), {json::array()}), first_name + ": must be an object, not an array");
  json base = sample();
  base["signers"] = nullptr;
  check_refused(layered(base, {{{"signers", json::array()}}}), base_name + ": /signers: must be an array, not null");
  base.erase("signers");
  base["signers"] = {library("x", "x.pem"), {{"name", "y"}}};
  check_refused(layered(base, {{{"mode", "audit"}}}), base_name + ": /signers/1: the key \"role\" is missing");
}

TEST_CASE("a drop-in has none of the base's own keys") {
  check_refused(layered(sample(), {{{"name", "other"}}}), first_name + ": /name: a drop-in does not name the policy");
  check_refused(layered(sample(), {{{"bpfgate", 1}}}), first_name + ": /bpfgate: unknown key");
  check_refused(layered(sample(), {{{"signer", 1}}}), first_name + ": /signer: unknown key");
}

TEST_CASE("the limits hold for all files together") {
  json signers = json::array();
  for (size_t i = 0; i < kMaxSigners; ++i) signers.push_back(library("s" + std::to_string(i), std::to_string(i)));
  CHECK(layered(minimal(), {{{"signers", signers}}}));
  check_refused(layered(minimal(), {{{"signers", signers}}, {{"signers", {library("one-more", "x")}}}}),
                second_name + ": /signers: 1000 are there already, at most 1000 fit");
}

TEST_CASE("the base is that of the highest directory that has one") {
  Host host;
  auto none = host.load();
  REQUIRE_FALSE(none);
  CHECK(none.error().message.find((host.root / "usr/lib/bpfgate/manifest.json").string()) != std::string::npos);
  for (const char* directory : {"usr/lib", "run", "etc"}) {
    fs::path path =
        host.write(std::string(directory) + "/bpfgate/manifest.json", named(fs::path(directory).filename()));
    auto layers = host.load();
    REQUIRE(layers);
    CHECK(layers->manifest.name == fs::path(directory).filename());
    CHECK(layers->files == std::vector<fs::path>{path});
  }
}

TEST_CASE("drop-ins go by their names, whichever directory they are in") {
  Host host;
  fs::path base = host.write("usr/lib/bpfgate/manifest.json", minimal());
  fs::path last = host.write("usr/lib/bpfgate/manifest.d/30.json", {{"sequence", 30}});
  host.write("usr/lib/bpfgate/manifest.d/10.json", {{"mode", "off"}});
  fs::path first = host.write("etc/bpfgate/manifest.d/10.json", {{"sequence", 10}});
  fs::path middle = host.write("run/bpfgate/manifest.d/20.json", {{"sequence", 20}, {"mode", "audit"}});
  host.write("etc/bpfgate/manifest.d/README", "not JSON");
  host.write("etc/bpfgate/manifest.d/.40.json", "hidden");
  host.write("etc/bpfgate/manifest.d/40.json~", "a backup");
  auto layers = host.load();
  REQUIRE(layers);
  CHECK(layers->files == std::vector<fs::path>{base, first, middle, last});
  CHECK(layers->manifest.sequence == 30);
  CHECK(layers->manifest.mode == Mode::Audit);
}

TEST_CASE("a link to /dev/null masks a drop-in, and any other that leads nowhere is an error") {
  Host host;
  host.write("usr/lib/bpfgate/manifest.json", minimal());
  host.write("usr/lib/bpfgate/manifest.d/10.json", {{"mode", "off"}});
  fs::create_directories(host.root / "etc/bpfgate/manifest.d");
  fs::create_symlink("/dev/null", host.root / "etc/bpfgate/manifest.d/10.json");
  auto layers = host.load();
  REQUIRE(layers);
  CHECK(layers->manifest.mode == Mode::Enforce);
  CHECK(layers->files.size() == 1);
  fs::create_symlink("nowhere", host.root / "etc/bpfgate/manifest.d/20.json");
  CHECK_FALSE(host.load());
}

TEST_CASE("a directory of drop-ins that leads nowhere does not bring masked ones back") {
  Host host;
  host.write("usr/lib/bpfgate/manifest.json", minimal());
  fs::create_directories(host.root / "etc/bpfgate");
  REQUIRE(host.load());
  fs::create_directory_symlink("nowhere", host.root / "etc/bpfgate/manifest.d");
  CHECK_FALSE(host.load());
}

TEST_CASE("a base that cannot be read does not bring a lower one back") {
  Host host;
  host.write("usr/lib/bpfgate/manifest.json", minimal());
  fs::create_directories(host.root / "etc/bpfgate");
  fs::create_symlink("nowhere", host.root / "etc/bpfgate/manifest.json");
  CHECK_FALSE(host.load());
}

TEST_CASE("below a root links lead where they do there, and nobody waits for a pipe's writer") {
  Host host;
  json base = minimal();
  base["signers"] = json::array({library("a", "a.pem")});  // braces alone: a copy, to clang
  host.write("etc/bpfgate/manifest.json", base);
  host.write("usr/share/a.pem", "a");
  fs::create_symlink("/usr/share/a.pem", host.root / "etc/bpfgate/a.pem");
  CHECK(host.load());
  fs::remove(host.root / "usr/share/a.pem");
  REQUIRE(::mkfifo((host.root / "usr/share/a.pem").c_str(), 0600) == 0);
  auto piped = host.load();
  REQUIRE_FALSE(piped);
  CHECK(piped.error().message.find((host.root / "etc/bpfgate/a.pem").string()) != std::string::npos);
}

TEST_CASE("below a root drop-ins and the base are where links of that system lead") {
  Host host;
  host.write("usr/share/site/policy.json", minimal());
  fs::create_directories(host.root / "etc/bpfgate");
  fs::create_symlink("/usr/share/site/policy.json", host.root / "etc/bpfgate/manifest.json");
  host.write("usr/share/site/d/10.json", {{"mode", "audit"}});
  host.write("usr/share/site/d/20.json", {{"sequence", 20}});
  fs::create_symlink("/usr/share/site/d", host.root / "etc/bpfgate/manifest.d");
  host.write("run/bpfgate/manifest.d/20.json", {{"sequence", 30}});
  auto layers = host.load();
  REQUIRE(layers);
  CHECK(layers->files.front() == host.root / "etc/bpfgate/manifest.json");
  CHECK(layers->files.size() == 3);
  CHECK(layers->manifest.mode == Mode::Audit);
  CHECK(layers->manifest.sequence == 20);
  fs::create_symlink("/dev/null", host.root / "usr/share/site/d/30.json");
  host.write("run/bpfgate/manifest.d/30.json", {{"sequence", 40}});
  layers = host.load();
  REQUIRE(layers);
  CHECK(layers->manifest.sequence == 20);
}

TEST_CASE("certificates are found below the root") {
  Host host;
  json base = minimal();
  base["signers"] = {library("a", "a.pem"), library("b", "/usr/share/b.pem")};
  host.write("etc/bpfgate/manifest.json", base);
  host.write("run/bpfgate/manifest.d/c.json", {{"signers", {library("c", "../c.pem")}}});
  host.write("etc/bpfgate/a.pem", "a");
  host.write("usr/share/b.pem", "b");
  auto missing = host.load();
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message.starts_with((host.root / "run/bpfgate/manifest.d/c.json").string() +
                                            ": /signers/0/certificate: " + (host.root / "run/bpfgate/c.pem").string()));
  host.write("run/bpfgate/c.pem", "c");
  auto layers = host.load();
  REQUIRE(layers);
  CHECK(layers->manifest.signers[1].certificate_path == "/usr/share/b.pem");
  // A root as people type it.
  auto relative = load_layers({.root = fs::relative(host.root).string() + "/"});
  REQUIRE(relative);
  CHECK(relative->manifest == layers->manifest);
}
