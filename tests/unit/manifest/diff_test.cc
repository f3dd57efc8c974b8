// SPDX-License-Identifier: MIT
#include "manifest/diff.h"

#include <catch2/catch_test_macros.hpp>
#include <map>
#include <vector>

#include "manifest/sample.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;
using nlohmann::json;

namespace {

const Manifest before = parse_json(sample()).value();

Manifest patched(const char* patch) { return parse_json(sample().patch(json::parse(patch))).value(); }

std::vector<std::string> lines(const Manifest& from, const Manifest& to) {
  std::vector<std::string> texts;
  for (const Change& change : changes(from, to)) texts.push_back(change.text + (change.wider ? " (wider)" : ""));
  return texts;
}

// A patch of the sample, what changes by it, and what by taking it back.
struct Case {
  const char* patch;
  std::vector<std::string> there;
  std::vector<std::string> back;
};

void check_all(const std::vector<Case>& cases) {
  for (const Case& one : cases) {
    INFO(one.patch);
    Manifest after = patched(one.patch);
    CHECK(lines(before, after) == one.there);
    CHECK(lines(after, before) == one.back);
  }
}

}  // namespace

TEST_CASE("equal policies have no differences") {
  CHECK(changes(before, before).empty());
  CHECK(changes_json(before, before) == json::array());
  CHECK(changes(before, patched(R"([{"op":"remove","path":"/digests/0/note"}])")).empty());
}

TEST_CASE("differences at the top") {
  check_all({
      {R"([{"op":"replace","path":"/mode","value":"audit"}])",
       {"~ mode enforce -> audit (wider)"},
       {"~ mode audit -> enforce"}},
      {R"([{"op":"replace","path":"/sequence","value":2},{"op":"replace","path":"/name","value":"x"}])",
       {"~ name host -> x", "~ sequence 1 -> 2"},
       {"~ name x -> host", "~ sequence 2 -> 1"}},
      {R"([{"op":"remove","path":"/default"}])",
       {"~ default: grant +none -inspect"},
       {"~ default: grant +inspect -none (wider)"}},
  });
}

TEST_CASE("differences of signers and digests") {
  const std::string digest = "digest fsverity " + kDigest;
  check_all({
      {R"([{"op":"remove","path":"/signers/1"}])", {"- signer libs: library"}, {"+ signer libs: library (wider)"}},
      {R"([{"op":"replace","path":"/signers/1/certificate","value":"new.pem"}])",
       {"~ signer libs: another certificate (wider)"},
       {"~ signer libs: another certificate (wider)"}},
      {R"([{"op":"replace","path":"/signers/0/grant","value":["tracing","full"]}])",
       {"~ signer loaders: grant +full (wider)"},
       {"~ signer loaders: grant -full"}},
      {R"([{"op":"replace","path":"/signers/1/role","value":"manifest"}])",
       {"~ signer libs: role library -> manifest (wider)"},
       {"~ signer libs: role manifest -> library (wider)"}},
      {R"([{"op":"remove","path":"/digests/0"}])",
       {"- " + digest + ": loader, grant full (wider)"},
       {"+ " + digest + ": loader, grant full (wider)"}},
      {R"([{"op":"replace","path":"/digests/0/grant","value":"none"}])",
       {"~ " + digest + ": grant +none -full"},
       {"~ " + digest + ": grant +full -none (wider)"}},
  });
}

TEST_CASE("differences of volumes") {
  const std::string volume =
      R"({"name":"usr","root_hash":")" + kDigest + R"(","loaders":[{"path":"/a","inode":7,"grant":"full"}]})";
  const std::string added = R"([{"op":"add","path":"/volumes","value":[)" + volume + "]}]";
  check_all({
      {added.c_str(),
       {"+ volume usr: root hash " + kDigest + ", inode 7 grant full (wider)"},
       {"- volume usr: root hash " + kDigest + ", inode 7 grant full"}},
      {R"([{"op":"add","path":"/evidence","value":{"signed_volumes":true}}])",
       {"~ evidence nothing -> {\"signed_volumes\":true} (wider)"},
       {"~ evidence {\"signed_volumes\":true} -> nothing"}},
  });
  auto with = [](const char* patch) {
    json whole = sample();
    whole["volumes"] = {
        {{"name", "usr"}, {"root_hash", kDigest}, {"loaders", {{{"path", "/a"}, {"inode", 7}, {"grant", "inspect"}}}}}};
    return parse_json(whole.patch(json::parse(patch))).value();
  };
  auto base = with("[]");
  auto texts = [&](const char* patch) { return lines(base, with(patch)); };
  CHECK(texts(R"([{"op":"replace","path":"/volumes/0/loaders/0/path","value":"/b"}])") ==
        std::vector<std::string>{"~ volume usr: inode 7 path /a -> /b"});
  CHECK(texts(R"([{"op":"replace","path":"/volumes/0/loaders/0/grant","value":"full"}])") ==
        std::vector<std::string>{"~ volume usr: inode 7 grant +full -inspect (wider)"});
  CHECK(texts(R"([{"op":"remove","path":"/volumes/0/loaders/0"}])") ==
        std::vector<std::string>{"~ volume usr: inode 7 grant -inspect"});
  CHECK(texts(R"([{"op":"add","path":"/volumes/0/loaders/1","value":{"path":"/c","inode":8,"grant":"none"}}])") ==
        std::vector<std::string>{"~ volume usr: inode 8 grant +none (wider)"});
}

TEST_CASE("differences of what is revoked: to revoke makes nothing wider") {
  const std::string digest = "revoked digest ima " + kDigest, certificate = "revoked certificate " + kDigest;
  check_all({
      {R"([{"op":"remove","path":"/revoked"}])",
       {"- " + certificate + " (wider)", "- " + digest + " (wider)"},
       {"+ " + certificate, "+ " + digest}},
      {R"([{"op":"remove","path":"/revoked/certificates"},{"op":"remove","path":"/revoked/digests/0/note"}])",
       {"- " + certificate + " (wider)"},
       {"+ " + certificate}},
      {R"([{"op":"replace","path":"/revoked/digests/0/kind","value":"fsverity"}])",
       {"+ revoked digest fsverity " + kDigest, "- " + digest + " (wider)"},
       {"- revoked digest fsverity " + kDigest + " (wider)", "+ " + digest}},
  });
  json list =
      changes_json(before, patched(R"([{"op":"replace","path":"/revoked/digests/0/kind","value":"fsverity"}])"));
  REQUIRE(list.size() == 2);
  CHECK(list[0]["op"] == "add");
  CHECK(list[0]["pointer"] == "/revoked/digests/0");
  list = changes_json(before, patched(R"([{"op":"remove","path":"/revoked/digests"}])"));
  REQUIRE(list.size() == 1);
  CHECK(list[0]["pointer"] == "/revoked/digests");
}

TEST_CASE("differences of the extension") {
  const std::string added =
      R"([{"op":"add","path":"/extension","value":{"path":"x.o","digest":")" + kDigest + R"("}}])";
  const std::string extension = "{\"digest\":\"" + kDigest + "\",\"path\":\"" + kDigest + "\"}";
  check_all(
      {{added.c_str(), {"~ extension nothing -> " + extension}, {"~ extension " + extension + " -> nothing (wider)"}}});
}

TEST_CASE("differences of grants") {
  const std::string grant = "~ grant tracing: ";
  check_all({
      {R"([{"op":"replace","path":"/grants/tracing/commands","value":["prog_load","link_create"]}])",
       {grant + "commands +link_create -map_create (wider)"},
       {grant + "commands +map_create -link_create (wider)"}},
      {R"([{"op":"replace","path":"/grants/tracing/commands","value":"any"}])",
       {grant + "commands map_create prog_load -> any (wider)"},
       {grant + "commands any -> map_create prog_load"}},
      {R"([{"op":"add","path":"/grants/tracing/program_types","value":[]}])",
       {grant + "program_types any -> nothing"},
       {grant + "program_types nothing -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":"read-only"}])",
       {grant + "helpers any -> read-only"},
       {grant + "helpers read-only -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"deny":["probe_write_user"],"deny_kfuncs":["f"]}}])",
       {grant + "helpers any -> any without f and probe_write_user"},
       {grant + "helpers any without f and probe_write_user -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"allow":["ktime_get_ns"],"allow_kfuncs":["f"]}}])",
       {grant + "helpers any -> only f and ktime_get_ns"},
       {grant + "helpers only f and ktime_get_ns -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"class":"read-only","allow":["redirect"],"deny":["strtol"]}}])",
       {grant + "helpers any -> read-only and redirect without strtol"},
       {grant + "helpers read-only and redirect without strtol -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/helpers","value":{"allow":[]}}])",
       {grant + "helpers any -> none"},
       {grant + "helpers none -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/attach_to","value":{"functions":["vfs_*"],"lsm_hooks":["bpf"]}}])",
       {grant + "attach_to any -> functions:vfs_* lsm_hooks:bpf"},
       {grant + "attach_to functions:vfs_* lsm_hooks:bpf -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"uids":[0],"user_namespace":"initial"}}])",
       {grant + "when uids any -> 0", grant + "when user_namespace any -> initial"},
       {grant + "when uids 0 -> any (wider)", grant + "when user_namespace initial -> any (wider)"}},
      {R"([{"op":"add","path":"/grants/tracing/jit","value":true},{"op":"add","path":"/grants/tracing/debug","value":true}])",
       {grant + "debug off -> on (wider)", grant + "jit off -> on (wider)"},
       {grant + "debug on -> off", grant + "jit on -> off"}},
      {R"([{"op":"add","path":"/grants/tracing/signed_by","value":"any"}])",
       {grant + "signed_by not required -> any (wider)"},
       {grant + "signed_by any -> not required (wider)"}},
      {R"([{"op":"add","path":"/grants/new","value":{"commands":["obj_get"]}}])",
       {R"(+ grant new: {"commands":["obj_get"]})"},
       {R"(- grant new: {"commands":["obj_get"]})"}},
  });
}

TEST_CASE("lists of conditions and targets differ by their entries") {
  auto with = [](const char* when, const char* functions) {
    json source = sample();
    source["grants"]["tracing"]["when"] = {{"cgroups", json::parse(when)}};
    source["grants"]["tracing"]["attach_to"] = {{"functions", json::parse(functions)}};
    return parse_json(source).value();
  };
  CHECK(lines(with(R"(["/a"])", R"(["f"])"), with(R"(["/a","/b"])", R"(["g","f"])")) ==
        std::vector<std::string>{"~ grant tracing: attach_to +functions:g (wider)",
                                 "~ grant tracing: when cgroups +/b (wider)"});
  CHECK(lines(with(R"(["/a","/b"])", R"(["g","f"])"), with(R"(["/a"])", R"(["f"])")) ==
        std::vector<std::string>{"~ grant tracing: attach_to -functions:g", "~ grant tracing: when cgroups -/b"});
  // The canonical texts differ, the policies do not: a difference it is, but none that widens.
  CHECK(lines(with(R"(["/a"])", R"(["f"])"), with(R"(["/a"])", R"(["f","f"])")) ==
        std::vector<std::string>{"~ grant tracing: the same, an entry of a list given twice in one of them"});
}

TEST_CASE("a helper rule is wider only by what it allows") {
  auto with = [](const char* rule) {
    json source = sample();
    source["grants"]["tracing"]["helpers"] = json::parse(rule);
    return parse_json(source).value();
  };
  auto is_wider = [&](const char* from, const char* to) { return changes(with(from), with(to)).at(0).wider; };
  // read-only does not have this helper, so that denying it denies nothing.
  CHECK_FALSE(is_wider(R"({"class":"read-only","deny":["probe_write_user"]})", R"("read-only")"));
  CHECK(is_wider(R"({"class":"read-only","deny":["probe_read"]})", R"("read-only")"));
  CHECK_FALSE(is_wider(R"({"deny":["probe_write_user"]})", R"("read-only")"));
  CHECK(is_wider(R"({"deny":["probe_read"]})", R"("read-only")"));
  CHECK_FALSE(is_wider(R"({"deny_kfuncs":["bpf_obj_new_impl"]})", R"("read-only")"));
  CHECK(is_wider(R"({"deny_kfuncs":["bpf_task_acquire"]})", R"("read-only")"));
  CHECK(is_wider(R"({"deny":["probe_read"]})", R"({"deny":["probe_write_user"]})"));
  CHECK(is_wider(R"("read-only")", R"({"deny":["probe_read"]})"));
  CHECK_FALSE(is_wider(R"("read-only")", R"({"allow":["probe_read"],"allow_kfuncs":["bpf_task_acquire"]})"));
  CHECK(is_wider(R"({"allow":["probe_read"],"allow_kfuncs":["bpf_task_acquire"]})", R"("read-only")"));
  CHECK(is_wider(R"("read-only")", R"({"allow":["probe_write_user"]})"));
  CHECK(is_wider(R"("read-only")", R"({"allow_kfuncs":["bpf_obj_new_impl"]})"));
  CHECK_FALSE(
      is_wider(R"({"deny":["redirect"],"deny_kfuncs":["f"]})", R"({"allow":["probe_read"],"allow_kfuncs":["g"]})"));
  CHECK(is_wider(R"({"deny":["redirect"],"deny_kfuncs":["f"]})", R"({"allow_kfuncs":["f"]})"));
  CHECK(is_wider(R"({"allow":[]})", R"({"allow":["probe_read"]})"));
  CHECK_FALSE(is_wider(R"({"allow":["probe_read"]})", R"({"allow":["probe_read"],"deny":["probe_read"]})"));
}

TEST_CASE("differences as JSON have the pointers of the canonical texts") {
  json differences = changes_json(before, patched(R"([
      {"op":"remove","path":"/signers/1"},
      {"op":"replace","path":"/signers/0/grant","value":"full"},
      {"op":"replace","path":"/mode","value":"audit"},
      {"op":"add","path":"/grants/tracing/jit","value":true}])"));
  REQUIRE(differences.size() == 4);
  CHECK(differences[0] == json{{"op", "add"}, {"pointer", "/grants/tracing/jit"}, {"new", true}, {"wider", true}});
  CHECK(differences[1] ==
        json{{"op", "replace"}, {"pointer", "/mode"}, {"old", "enforce"}, {"new", "audit"}, {"wider", true}});
  // In the canonical text "libs" comes before "loaders"; without it, "loaders" is the first.
  CHECK(differences[2]["op"] == "remove");
  CHECK(differences[2]["pointer"] == "/signers/0");
  CHECK(differences[2]["old"]["name"] == "libs");
  CHECK(differences[3]["op"] == "replace");
  CHECK(differences[3]["pointer"] == "/signers/0");
  CHECK(differences[3]["old"]["grant"] == "tracing");
  CHECK(differences[3]["new"]["grant"] == "full");
}

TEST_CASE("differences as JSON are wider where those for people are") {
  auto wider = [](const Manifest& from, const Manifest& to) {
    std::map<std::string, bool> found;
    for (const json& change : changes_json(from, to)) found[change["pointer"]] = change["wider"];
    return found;
  };
  using Found = std::map<std::string, bool>;
  struct {
    const char* patch;
    Found there;
    Found back;
  } const cases[] = {
      {R"([{"op":"replace","path":"/mode","value":"audit"},{"op":"replace","path":"/sequence","value":2}])",
       {{"/mode", true}, {"/sequence", false}},
       {{"/mode", false}, {"/sequence", false}}},
      {R"([{"op":"remove","path":"/default"}])", {{"/default/grant", false}}, {{"/default/grant", true}}},
      {R"([{"op":"remove","path":"/signers/1"},{"op":"replace","path":"/signers/0/grant","value":["tracing","full"]}])",
       {{"/signers/0", true}},  // both pointers, of different lists; the later is of "loaders"
       {{"/signers/0", true}, {"/signers/1", false}}},
      {R"([{"op":"remove","path":"/digests/0"}])", {{"/digests/0", true}}, {{"/digests/0", true}}},
      {R"([{"op":"remove","path":"/revoked"}])", {{"/revoked", true}}, {{"/revoked", false}}},
      {R"([{"op":"remove","path":"/revoked/digests"}])", {{"/revoked/digests", true}}, {{"/revoked/digests", false}}},
      {R"([{"op":"add","path":"/evidence","value":{"ima":true}}])",
       {{"/evidence/ima", true}},
       {{"/evidence/ima", false}}},
      // Each part of a grant by itself.
      {R"([{"op":"replace","path":"/grants/tracing/commands","value":["prog_load"]},
           {"op":"add","path":"/grants/tracing/jit","value":true}])",
       {{"/grants/tracing/commands", false}, {"/grants/tracing/jit", true}},
       {{"/grants/tracing/commands", true}, {"/grants/tracing/jit", false}}},
      {R"([{"op":"add","path":"/grants/tracing/when","value":{"uids":[0]}}])",
       {{"/grants/tracing/when", false}},
       {{"/grants/tracing/when", true}}},
      {R"([{"op":"add","path":"/grants/trace","value":{"commands":"any"}}])",
       {{"/grants/trace", false}},
       {{"/grants/trace", false}}},
  };
  for (const auto& one : cases) {
    INFO(one.patch);
    Manifest after = patched(one.patch);
    CHECK(wider(before, after) == one.there);
    CHECK(wider(after, before) == one.back);
  }
}

TEST_CASE("one condition less and another more are told apart") {
  auto with = [](const char* when) {
    json source = sample();
    source["grants"]["tracing"]["when"] = json::parse(when);
    return parse_json(source).value();
  };
  json list = changes_json(with(R"({"uids":[0],"gids":[1]})"), with(R"({"gids":[1],"cgroups":["/a"]})"));
  REQUIRE(list.size() == 2);
  CHECK(list[0]["pointer"] == "/grants/tracing/when/cgroups");
  CHECK(list[0]["wider"] == false);
  CHECK(list[1]["pointer"] == "/grants/tracing/when/uids");
  CHECK(list[1]["wider"] == true);
}

TEST_CASE("whose programs a grant is for differs by their names") {
  auto with = [](const json& signed_by) {
    json source = sample();
    for (const char* name : {"a", "b"})
      source["signers"].push_back({{"name", name}, {"role", "program"}, {"certificate", std::string(name) + ".pem"}});
    source["grants"]["tracing"]["signed_by"] = signed_by;
    return parse_json(source).value();
  };
  auto text_of = [](const Manifest& before, const Manifest& after) {
    auto found = changes(before, after);
    REQUIRE(found.size() == 1);
    return found.front().text + (found.front().wider ? " (wider)" : "");
  };
  const std::string grant = "~ grant tracing: signed_by ";
  CHECK(text_of(with({"a"}), with({"a", "b"})) == grant + "+b (wider)");
  CHECK(text_of(with({"a", "b"}), with({"a"})) == grant + "-b");
  CHECK(text_of(with({"a"}), with("any")) == grant + "a -> any (wider)");
  CHECK(text_of(with("any"), with({"a"})) == grant + "any -> a");
}
