// SPDX-License-Identifier: MIT
// Every refusal names the file, the JSON pointer and the mend.
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "manifest/sample.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;
using nlohmann::json;

namespace {

// A sample after one change, given as a JSON patch (RFC 6902), and the beginning of what must be said about it.
struct Refusal {
  const char* patch;
  const char* message;
  const char* in_remedy = "";
};

void check_refused(const Result<Manifest>& result, const std::string& message, const std::string& in_remedy) {
  REQUIRE_FALSE(result);
  INFO(result.error().message << " | " << result.error().remedy);
  CHECK(result.error().kind == ErrorKind::Invalid);
  CHECK(result.error().message.starts_with("/dir/m.json" + message));
  CHECK(result.error().remedy.find(in_remedy) != std::string::npos);
}

void check_all(const std::vector<Refusal>& refusals) {
  for (const Refusal& refusal : refusals) {
    INFO(refusal.patch);
    json changed = sample().patch(json::parse(refusal.patch));
    check_refused(parse_json(changed), refusal.message, refusal.in_remedy);
  }
}

}  // namespace

TEST_CASE("the sample that the refusals change is itself accepted") { CHECK(parse_json(sample())); }

TEST_CASE("unknown keys are refused wherever they are") {
  check_all({
      {R"([{"op":"add","path":"/tokens","value":[]}])", ": /tokens: unknown key", "known keys here: bpfgate, name"},
      {R"([{"op":"add","path":"/signer","value":[]}])", ": /signer: unknown key", "did you mean \"signers\"?"},
      {R"([{"op":"add","path":"/signers/1/Grant","value":"x"}])", ": /signers/1/Grant: unknown key", "\"grant\""},
      {R"([{"op":"add","path":"/digests/0/file","value":"x"}])", ": /digests/0/file: unknown key", "kind, digest"},
      {R"([{"op":"add","path":"/grants/tracing/helper","value":{}}])", ": /grants/tracing/helper: unknown key",
       "\"helpers\""},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"only":[]}}])",
       ": /grants/tracing/helpers/only: unknown key", "class, allow"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"uid":[0]}}])", ": /grants/tracing/when/uid: unknown key",
       "\"uids\""},
      {R"([{"op":"add","path":"/grants/tracing/attach_to","value":{"hooks":[]}}])",
       ": /grants/tracing/attach_to/hooks: unknown key", "lsm_hooks"},
      {R"([{"op":"add","path":"/default/when","value":{}}])", ": /default/when: unknown key", "grant"},
      {R"([{"op":"add","path":"/a~1b~0c\u001b[31m","value":{}}])", ": /a~1b~0c\\u001b[31m: unknown key", ""},
  });
}

TEST_CASE("what is required must be there") {
  check_all({
      {R"([{"op":"remove","path":"/bpfgate"}])", ": the key \"bpfgate\" is missing", "add it"},
      {R"([{"op":"remove","path":"/name"}])", ": the key \"name\" is missing"},
      {R"([{"op":"remove","path":"/sequence"}])", ": the key \"sequence\" is missing"},
      {R"([{"op":"remove","path":"/mode"}])", ": the key \"mode\" is missing"},
      {R"([{"op":"remove","path":"/signers/0/name"}])", ": /signers/0: the key \"name\" is missing"},
      {R"([{"op":"remove","path":"/signers/0/role"}])", ": /signers/0: the key \"role\" is missing"},
      {R"([{"op":"remove","path":"/signers/0/certificate"}])", ": /signers/0: the key \"certificate\" is missing"},
      {R"([{"op":"remove","path":"/signers/0/grant"}])", ": /signers/0: the key \"grant\" is missing"},
      {R"([{"op":"remove","path":"/digests/0/kind"}])", ": /digests/0: the key \"kind\" is missing"},
      {R"([{"op":"remove","path":"/digests/0/digest"}])", ": /digests/0: the key \"digest\" is missing"},
      {R"([{"op":"remove","path":"/digests/0/grant"}])", ": /digests/0: the key \"grant\" is missing"},
      {R"([{"op":"remove","path":"/grants/tracing/commands"}])", ": /grants/tracing: the key \"commands\" is missing"},
      {R"([{"op":"remove","path":"/default/grant"}])", ": /default: the key \"grant\" is missing"},
  });
}

TEST_CASE("wrong types are refused") {
  check_all({
      {R"([{"op":"replace","path":"","value":[]}])", ": must be an object, not an array"},
      {R"([{"op":"replace","path":"/name","value":7}])", ": /name: must be a string, not a number"},
      {R"([{"op":"replace","path":"/mode","value":null}])", ": /mode: must be a string, not null"},
      {R"([{"op":"replace","path":"/sequence","value":"12"}])", ": /sequence: must be an integer, not a string"},
      {R"([{"op":"replace","path":"/signers","value":{}}])", ": /signers: must be an array, not an object"},
      {R"([{"op":"replace","path":"/signers/0","value":"x"}])", ": /signers/0: must be an object, not a string"},
      {R"([{"op":"replace","path":"/digests","value":true}])", ": /digests: must be an array, not a boolean"},
      {R"([{"op":"replace","path":"/grants","value":[]}])", ": /grants: must be an object, not an array"},
      {R"([{"op":"replace","path":"/grants/tracing/commands","value":{}}])",
       ": /grants/tracing/commands: must be an array"},
      {R"([{"op":"replace","path":"/grants/tracing/commands/1","value":5}])",
       ": /grants/tracing/commands/1: must be a string"},
      {R"([{"op":"replace","path":"/default","value":"none"}])", ": /default: must be an object, not a string"},
  });
}

TEST_CASE("values out of range are refused") {
  check_all({
      {R"([{"op":"replace","path":"/bpfgate","value":2}])", ": /bpfgate: must be 1, not 2", "newer"},
      {R"([{"op":"replace","path":"/bpfgate","value":1.0}])", ": /bpfgate: must be 1, not 1.0"},
      {R"([{"op":"replace","path":"/sequence","value":0}])", ": /sequence: must be a whole number from 1 to"},
      {R"([{"op":"replace","path":"/sequence","value":-1}])", ": /sequence: must be a whole number from 1 to"},
      {R"([{"op":"replace","path":"/sequence","value":9007199254740992}])", ": /sequence: must be a whole number"},
      {R"([{"op":"replace","path":"/sequence","value":1.5}])", ": /sequence: must be a whole number"},
      {R"([{"op":"replace","path":"/name","value":""}])", ": /name: \"\" is not a name", "A-Z"},
      {R"([{"op":"replace","path":"/name","value":"a b"}])", ": /name: \"a b\" is not a name"},
      {R"([{"op":"replace","path":"/signers/0/name","value":"\u0000"}])", ": /signers/0/name: \"\\u0000\" is not"},
      {R"([{"op":"replace","path":"/signers/0/certificate","value":""}])",
       ": /signers/0/certificate: must not be empty"},
      {R"([{"op":"replace","path":"/signers/0/certificate","value":"a\u0000b"}])",
       ": /signers/0/certificate: contains a control character"},
      {R"([{"op":"replace","path":"/digests/0/note","value":"\u007f"}])", ": /digests/0/note: contains a control"},
      {R"([{"op":"replace","path":"/digests/0/note","value":"x\u009by"}])", ": /digests/0/note: contains a control"},
      {R"([{"op":"add","path":"/grants/a b","value":{"commands":"any"}}])", ": /grants/a b: \"a b\" is not a name"},
  });
}

TEST_CASE("words outside the vocabulary are refused, with the closest one named") {
  check_all({
      {R"([{"op":"replace","path":"/mode","value":"Enforce"}])", ": /mode: no mode is named", "mean \"enforce\"?"},
      {R"([{"op":"replace","path":"/signers/0/role","value":"loaders"}])", ": /signers/0/role: no role is named",
       "did you mean \"loader\"?"},
      {R"([{"op":"replace","path":"/signers/0/role","value":"program"}])",
       ": /signers/0/grant: a program signer has no grant", "remove it"},
      {R"([{"op":"add","path":"/digests/0/role","value":"program"}])", ": /digests/0/role: no role is named",
       "loader and library"},
      {R"([{"op":"add","path":"/digests/0/role","value":"manifest"}])", ": /digests/0/role: no role is named",
       "loader and library"},
      {R"([{"op":"replace","path":"/digests/0/kind","value":"imaa"}])", ": /digests/0/kind: no kind of digest",
       "fsverity"},
      {R"([{"op":"replace","path":"/digests/0/kind","value":"ima"}])",
       ": /digests/0/kind: IMA digests do not count here", "\"evidence\": {\"ima\": true}"},
      {R"([{"op":"add","path":"/evidence","value":{"tpm":true}}])", ": /evidence/tpm: unknown key", "ima"},
      {R"([{"op":"add","path":"/evidence","value":{"ima":true}},{"op":"replace","path":"/digests/0/kind","value":"ima"},
           {"op":"replace","path":"/digests/0/digest","value":"sha1:00"}])",
       ": /digests/0/digest: \"sha1:00\" names no known hash algorithm", "sha256sum"},
      {R"([{"op":"replace","path":"/grants/tracing/commands/0","value":"BPFProgLoad"}])",
       ": /grants/tracing/commands/0: no command is named \"BPFProgLoad\"", "did you mean \"prog_load\"?"},
      {R"([{"op":"replace","path":"/grants/tracing/commands","value":"all"}])",
       ": /grants/tracing/commands: no command list is named \"all\"", "any"},
  });
}

TEST_CASE("dangling references are refused, with the known grants") {
  check_all({
      {R"([{"op":"replace","path":"/signers/0/grant","value":"x"}])", ": /signers/0/grant: no grant is named \"x\"",
       "known grants: admin, full, inspect, none, signed-programs-only and tracing"},
      {R"([{"op":"replace","path":"/digests/0/grant","value":"tracin"}])", ": /digests/0/grant: no grant is named",
       "did you mean \"tracing\"?"},
      {R"([{"op":"replace","path":"/default/grant","value":"nil"}])", ": /default/grant: no grant is named \"nil\""},
  });
}

TEST_CASE("nothing may be there twice") {
  check_all({
      {R"([{"op":"replace","path":"/signers/1/name","value":"loaders"}])",
       ": /signers/1/name: a signer named \"loaders\" is already at /signers/0"},
      {R"([{"op":"replace","path":"/signers/1/certificate","value":"sub/../loaders.pem"}])",
       ": /signers/1/certificate: the same certificate is already at /signers/0", "list it once"},
      {R"([{"op":"copy","from":"/digests/0","path":"/digests/1"}])",
       ": /digests/1/digest: the same digest is already at /digests/0"},
      {R"([{"op":"replace","path":"/grants/tracing/commands/1","value":"prog_load"}])",
       ": /grants/tracing/commands/1: the command \"prog_load\" is listed twice"},
      {R"([{"op":"replace","path":"/grants/tracing/commands","value":["prog_run","prog_test_run"]}])",
       ": /grants/tracing/commands/1: the command \"prog_test_run\" is listed twice"},
      {R"([{"op":"add","path":"/grants/none","value":{"commands":"any"}}])",
       ": /grants/none: the grant \"none\" is built in"},
      {R"([{"op":"add","path":"/grants/inspect","value":{"commands":"any"}}])", ": /grants/inspect: the grant"},
      {R"([{"op":"add","path":"/grants/full","value":{"commands":"any"}}])", ": /grants/full: the grant"},
      {R"([{"op":"add","path":"/grants/admin","value":{"commands":"any"}}])", ": /grants/admin: the grant"},
      {R"([{"op":"add","path":"/grants/signed-programs-only","value":{"commands":"any"}}])",
       ": /grants/signed-programs-only: the grant"},
  });
}

TEST_CASE("whose programs a grant is for must be signers of programs") {
  constexpr const char* place = ": /grants/g/signed_by";
  auto with = [](const std::string& signed_by, const std::string& commands = "\"any\"") {
    return R"([{"op":"add","path":"/grants/g","value":{"commands":)" + commands + R"(,"signed_by":)" + signed_by +
           "}}]";
  };
  const std::string none = with("[\"nobody\"]"), library = with("[\"libs\"]"), empty = with("[]"),
                    word = with("\"all\""), twice = with("[\"a\",\"a\"]"), number = with("1"),
                    commands = with("\"any\"", "[\"prog_load\",\"map_lookup_elem\"]");
  check_all({
      {none.c_str(), ": /grants/g/signed_by/0: no program signer is named \"nobody\""},
      {library.c_str(), ": /grants/g/signed_by/0: no program signer is named \"libs\""},
      {empty.c_str(), ": /grants/g/signed_by: the list is empty", "any"},
      {word.c_str(), ": /grants/g/signed_by: no list of signers is named \"all\"", "any"},
      {twice.c_str(), ": /grants/g/signed_by/1: the signer \"a\" is listed twice"},
      {number.c_str(), place},
      {commands.c_str(), ": /grants/g/commands: loading signed programs does not take the command \"map_lookup_elem\"",
       "a grant of its own"},
  });
}

TEST_CASE("a library has no grant") {
  check_all({
      {R"([{"op":"add","path":"/signers/1/grant","value":"full"}])",
       ": /signers/1/grant: a library signer has no grant", "remove it"},
      {R"([{"op":"add","path":"/digests/0/role","value":"library"}])",
       ": /digests/0/grant: a library digest has no grant"},
      {R"([{"op":"replace","path":"/signers/0/role","value":"manifest"}])",
       ": /signers/0/grant: a manifest signer has no grant", "remove it"},
  });
}

TEST_CASE("not everybody can be an administrator") {
  check_all({{R"([{"op":"replace","path":"/default/grant","value":"admin"}])",
              ": /default/grant: the default grant cannot be \"admin\"", "signer of bpfgate"}});
}

TEST_CASE("an option of a grant is true or false") {
  check_all({
      {R"([{"op":"add","path":"/grants/tracing/debug","value":1}])", ": /grants/tracing/debug: must be a boolean"},
      {R"([{"op":"add","path":"/grants/tracing/jit","value":"yes"}])", ": /grants/tracing/jit: must be a boolean"},
      {R"([{"op":"add","path":"/grants/tracing/admin","value":true}])", ": /grants/tracing/admin: unknown key"},
  });
}

TEST_CASE("digests must be written in full") {
  check_all({
      {R"([{"op":"replace","path":"/digests/0/digest","value":"sha1:00"}])",
       ": /digests/0/digest: \"sha1:00\" names no", "sha256:HEX"},
      {R"([{"op":"replace","path":"/digests/0/digest","value":"sha256:"}])",
       ": /digests/0/digest: has 0 digits, not 64"},
      {R"([{"op":"replace","path":"/digests/0/digest","value":"sha256:abc"}])", ": /digests/0/digest: odd number"},
      {R"([{"op":"replace","path":"/digests/0/digest","value":"sha512:00"}])",
       ": /digests/0/digest: has 2 digits, not 128"},
      {R"([{"op":"replace","path":"/digests/0/digest","value":"sha256:zz"}])",
       ": /digests/0/digest: not a hexadecimal"},
  });
}

TEST_CASE("a key given twice is refused, wherever it is") {
  check_refused(parse_text(R"({"bpfgate":1,"bpfgate":1})"), ": /bpfgate: the key is given twice", "keep one");
  check_refused(parse_text(R"({"signers":[{"a":1},{"grant":"none","\u0067rant":"full"}]})"),
                ": /signers/1/grant: the key is given twice", "keep one");
  check_refused(parse_text(R"({"grants":{"x":{"commands":[]},"x":{"commands":"any"}}})"),
                ": /grants/x: the key is given twice", "keep one");
}

TEST_CASE("syntax errors name line and column") {
  check_refused(parse_text(""), ":1:1: ", "JSON object");
  check_refused(parse_text("{\n  \"a\": tru\n}"), ":2:", "JSON object");
  check_refused(parse_text("{\n\n \"a\": 1,}"), ":3:9: ", "JSON object");
  check_refused(parse_text("{} x"), ":1:4: ", "JSON object");
  check_refused(parse_text("// comment\n{}"), ":1:1: ", "no comments");
  check_refused(parse_text("{\"a\": \"\xff\"}"), ":1:", "JSON object");
  check_refused(parse_text("{\"a\": 1e999}"), ":1:", "JSON object");
  check_refused(parse_text("\n" + std::string("\"") + std::string(100000, 'x')), ":2:", "JSON object");
}

TEST_CASE("nothing hides behind a NUL byte") {
  std::string text = sample().dump();
  REQUIRE(parse_text(text));
  check_refused(parse_text(text + '\0' + "{}"), ":1:" + std::to_string(text.size() + 1) + ": a NUL byte", "");
}

TEST_CASE("deep nesting is refused early and costs no stack") {
  std::string open(4000000, '[');
  check_refused(parse_text("{\"signers\":" + open), ": /signers/0/0", "five levels");
  std::string objects;
  for (int i = 0; i < 500000; ++i) objects += "{\"a\":";
  check_refused(parse_text(objects), ": /a/a/a", "five levels");
}

TEST_CASE("more than the limits is refused") {
  json many = minimal();
  many["signers"] = json::array();
  for (size_t i = 0; i <= kMaxSigners; ++i) many["signers"].push_back(nullptr);
  check_refused(parse_json(many), ": /signers: has 1001 elements, at most 1000 fit", "");
  many = minimal();
  for (size_t i = 0; i <= kMaxGrants - 3; ++i) many["grants"]["g" + std::to_string(i)] = {{"commands", "any"}};
  check_refused(parse_json(many), ": /grants: has 62 members, at most 59 fit", "");
  many = minimal();
  many["digests"] = std::vector<int>(kMaxDigests + 1, 0);
  check_refused(parse_json(many), ": /digests: has 100001 elements, at most 100000 fit", "");
  many = minimal();
  many["name"] = std::string(kMaxNameBytes + 1, 'n');
  check_refused(parse_json(many), ": /name: ", "1 to 63");
  check_refused(parse_text(std::string(kMaxManifestBytes + 1, ' ')), ": larger than 33554432 bytes", "");
}

TEST_CASE("certificates that cannot be used are refused at their place") {
  auto with = [](const CertificateReader& reader) { return parse(sample().dump(), "/dir/m.json", reader); };
  check_refused(with([](const auto&) { return Bytes(); }), ": /signers/0/certificate: \"loaders.pem\" is empty", "PEM");
  check_refused(with([](const auto&) { return Bytes(kMaxCertificateBytes + 1); }),
                ": /signers/0/certificate: \"loaders.pem\" is larger than 65536", "one certificate");
  auto unreadable = with([](const auto& path) -> Result<Bytes> { return fail_errno(path.string(), ENOENT); });
  REQUIRE_FALSE(unreadable);
  CHECK(unreadable.error().code == ENOENT);
  CHECK(unreadable.error().message.starts_with("/dir/m.json: /signers/0/certificate: /dir/loaders.pem: "));
  CHECK(unreadable.error().remedy.find("relative") != std::string::npos);
}

TEST_CASE("what a grant lists must be known, and listed once") {
  check_all({
      {R"([{"op":"add","path":"/grants/tracing/program_types","value":["kprob"]}])",
       ": /grants/tracing/program_types/0: no program type is named \"kprob\"", "did you mean \"kprobe\"?"},
      {R"([{"op":"add","path":"/grants/tracing/program_types","value":["kprobe","kprobe"]}])",
       ": /grants/tracing/program_types/1: the program type \"kprobe\" is listed twice", "remove one"},
      {R"([{"op":"add","path":"/grants/tracing/map_types","value":["hashh"]}])",
       ": /grants/tracing/map_types/0: no map type is named \"hashh\"", "\"hash\""},
      {R"([{"op":"add","path":"/grants/tracing/attach_types","value":"all"}])",
       ": /grants/tracing/attach_types: ", "any"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"deny":["bpf_probe_write"]}}])",
       ": /grants/tracing/helpers/deny/0: no helper is named \"bpf_probe_write\"", "known helpers"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"deny":["redirect","redirect"]}}])",
       ": /grants/tracing/helpers/deny/1: the helper \"redirect\" is listed twice"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{}}])", ": /grants/tracing/helpers: denies nothing"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"deny":[],"deny_kfuncs":[]}}])",
       ": /grants/tracing/helpers: denies nothing", "\"allow\": [] allows nothing"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"deny_kfuncs":["bpf_obj_new","bpf_obj_new_impl"]}}])",
       ": /grants/tracing/helpers/deny_kfuncs/1: the kfunc \"bpf_obj_new_impl\" is listed twice"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"allow":["redirect","redirect"]}}])",
       ": /grants/tracing/helpers/allow/1: the helper \"redirect\" is listed twice"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"allow_kfuncs":["f","f"]}}])",
       ": /grants/tracing/helpers/allow_kfuncs/1: the kfunc \"f\" is listed twice"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"allow_kfuncs":"any"}}])",
       ": /grants/tracing/helpers/allow_kfuncs: "},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"deny_kfuncs":["a-b"]}}])",
       ": /grants/tracing/helpers/deny_kfuncs/0: \"a-b\" is no function's name"},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"class":"harmless"}}])",
       ": /grants/tracing/helpers/class: no class of helpers is named \"harmless\"", "read-only"},
      {R"([{"op":"add","path":"/grants/tracing/attach_to","value":{"functions":["vfs read"]}}])",
       ": /grants/tracing/attach_to/functions/0: \"vfs read\" can match no name"},
  });
}

TEST_CASE("a condition that cannot be meant is refused") {
  check_all({
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"uids":[]}}])",
       ": /grants/tracing/when/uids: the list is empty", "leave it out"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"uids":[-1]}}])",
       ": /grants/tracing/when/uids/0: must be"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"gids":[4294967295]}}])",
       ": /grants/tracing/when/gids/0: must be"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"cgroups":["system.slice"]}}])",
       ": /grants/tracing/when/cgroups/0: \"system.slice\" is no cgroup below the root", "/proc/PID/cgroup"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"cgroups":["/"]}}])",
       ": /grants/tracing/when/cgroups/0: \"/\" is no cgroup"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"cgroups":["/a//b"]}}])",
       ": /grants/tracing/when/cgroups/0: \"/a//b\" has a component"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"cgroups":["/a/../b"]}}])",
       ": /grants/tracing/when/cgroups/0: \"/a/../b\" has a component"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"cgroups":["/1/2/3/4/5/6/7/8/9"]}}])",
       ": /grants/tracing/when/cgroups/0: \"/1/2/3/4/5/6/7/8/9\" is more than 8 levels deep"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"network_namespace":"host"}}])",
       ": /grants/tracing/when/network_namespace: no namespace is named \"host\"", "initial"},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"uids":[0]}},
           {"op":"add","path":"/grants/tracing/jit","value":true}])",
       ": /grants/tracing: the options \"debug\" and \"jit\" cannot depend on \"when\"", "a grant of their own"},
  });
}

TEST_CASE("several grants are named once each") {
  check_all({
      {R"([{"op":"replace","path":"/signers/0/grant","value":[]}])", ": /signers/0/grant: the list is empty", "none"},
      {R"([{"op":"replace","path":"/signers/0/grant","value":["full","full"]}])",
       ": /signers/0/grant/1: the grant \"full\" is listed twice"},
      {R"([{"op":"replace","path":"/signers/0/grant","value":["full","tracin"]}])",
       ": /signers/0/grant/1: no grant is named \"tracin\"", "\"tracing\""},
      {R"([{"op":"replace","path":"/default/grant","value":["none","admin"]}])",
       ": /default/grant: the default grant cannot be \"admin\""},
  });
}

TEST_CASE("volumes that cannot be meant are refused") {
  const std::string volume = R"({"name":"usr","root_hash":")" + kDigest + R"("})";
  const std::string one = R"([{"op":"add","path":"/volumes","value":[)" + volume + "]}";
  const std::string loader = R"({"path":"/bin/x","inode":7,"grant":"full"})";
  auto with_loaders = [&](const std::string& loaders) {
    return one + R"(,{"op":"add","path":"/volumes/0/loaders","value":[)" + loaders + "]}]";
  };
  const std::string same_name = one + R"(,{"op":"add","path":"/volumes/1","value":)" + volume + "}]";
  const std::string same_hash =
      one + R"(,{"op":"add","path":"/volumes/1","value":{"name":"b","root_hash":")" + kDigest + R"("}}])";
  const std::string bare = one + R"(,{"op":"replace","path":"/volumes/0/root_hash","value":"00"}])";
  const std::string sha384 = one + R"(,{"op":"replace","path":"/volumes/0/root_hash","value":"sha384:00"}])";
  const std::string unknown = one + R"(,{"op":"add","path":"/volumes/0/signature","value":true}])";
  const std::string relative = with_loaders(R"({"path":"bin/x","inode":7,"grant":"full"})");
  const std::string no_inode = with_loaders(R"({"path":"/bin/x","grant":"full"})");
  const std::string zero = with_loaders(R"({"path":"/bin/x","inode":0,"grant":"full"})");
  const std::string twice = with_loaders(loader + "," + loader);
  const std::string no_grant = with_loaders(R"({"path":"/bin/x","inode":7})");
  const std::string dangling = with_loaders(R"({"path":"/bin/x","inode":7,"grant":"ful"})");
  check_all({
      {same_name.c_str(), ": /volumes/1/name: a volume named \"usr\" is already at /volumes/0"},
      {same_hash.c_str(), ": /volumes/1/root_hash: the same root hash is already at /volumes/0"},
      {bare.c_str(), ": /volumes/0/root_hash: \"00\" names no known hash algorithm", "veritysetup"},
      {sha384.c_str(), ": /volumes/0/root_hash: \"sha384:00\" names no known hash algorithm"},
      {unknown.c_str(), ": /volumes/0/signature: unknown key", "root_hash"},
      {relative.c_str(), ": /volumes/0/loaders/0/path: \"bin/x\" is no path on the volume"},
      {no_inode.c_str(), ": /volumes/0/loaders/0: the key \"inode\" is missing"},
      {zero.c_str(), ": /volumes/0/loaders/0/inode: must be a whole number from 1 to"},
      {twice.c_str(), ": /volumes/0/loaders/1: the same inode is already at /volumes/0/loaders/0"},
      {no_grant.c_str(), ": /volumes/0/loaders/0: the key \"grant\" is missing"},
      {dangling.c_str(), ": /volumes/0/loaders/0/grant: no grant is named \"ful\"", "did you mean \"full\"?"},
  });
}

TEST_CASE("what is revoked is refused at its place where it is wrong") {
  auto refused = [](const char* revoked, const std::string& message, const std::string& remedy) {
    INFO(revoked);
    auto wrong = minimal();
    wrong["revoked"] = json::parse(revoked);
    check_refused(parse_json(wrong), ": /revoked" + message, remedy);
  };
  refused("[]", ": must be an object, not an array", "");
  refused(R"({"digest": []})", "/digest: unknown key", "digests and certificates");
  refused(R"({"digests": {}})", "/digests: must be an array, not an object", "");
  refused(R"({"digests": [{"kind": "fsverity"}]})", "/digests/0: the key \"digest\" is missing", "");
  refused(R"({"digests": [{"kind": "fsverity", "digest": "sha256:00", "role": "loader"}]})",
          "/digests/0/role: unknown key", "");
  refused(R"({"digests": [{"kind": "fsverity", "digest": "sha256:00"}]})", "/digests/0/digest: has 2 digits, not 64",
          "fsverity digest");
  refused(R"({"certificates": [{"note": "x"}]})", "/certificates/0: the key \"fingerprint\" is missing", "");
  refused(R"({"certificates": [{"fingerprint": "AB:CD"}]})",
          "/certificates/0/fingerprint: \"AB:CD\" is no SHA-256 fingerprint", "sha256sum");
  refused(R"({"certificates": [{"fingerprint": "sha256:00"}]})", "/certificates/0/fingerprint: has 2 digits, not 64",
          "openssl x509");
  auto many = minimal();
  many["revoked"]["digests"] = std::vector<int>(kMaxRevokedDigests + 1, 0);
  check_refused(parse_json(many), ": /revoked/digests: has 10001 elements, at most 10000 fit", "");
}

TEST_CASE("an extension needs a path and the SHA-256 of a file") {
  check_all({
      {R"([{"op":"add","path":"/extension","value":"x"}])", ": /extension: ", ""},
      {R"([{"op":"add","path":"/extension","value":{"path":"x"}}])", ": /extension: the key \"digest\" is missing",
       "add it"},
      {R"([{"op":"add","path":"/extension","value":{"path":"x","digest":"sha256:00","when":{}}}])",
       ": /extension/when: unknown key", "path and digest"},
      {R"([{"op":"add","path":"/extension","value":{"path":"x","digest":"sha256:00"}}])",
       ": /extension/digest: has 2 digits, not 64", "sha256sum"},
      {("[{\"op\":\"add\",\"path\":\"/extension\",\"value\":{\"path\":\"x\",\"digest\":\"sha256:" +
        std::string(64, '0') + "\"}}]")
           .c_str(),
       ": /extension/digest: is no SHA-256 digest of a file", "sha256sum"},
      {("[{\"op\":\"add\",\"path\":\"/extension\",\"value\":{\"path\":\"x\",\"digest\":\"sha512:" +
        std::string(128, '1') + "\"}}]")
           .c_str(),
       ": /extension/digest: \"sha512:", "sha256sum"},
  });
}
