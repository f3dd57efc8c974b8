// SPDX-License-Identifier: MIT
#include "learn/draft.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <random>

#include "sample.h"

using namespace bpfgate;
using namespace bpfgate::learn;
using test::event;
using test::files;
using test::sealed;

namespace {

Draft draft_of(const std::vector<gate::Event>& events, const Examiner& examiner,
               const manifest::Manifest& base = test::empty_base()) {
  return draft_from(events, base, examiner).value();
}

bool has_remark(const Draft& draft, const std::string& executable, const std::string& text) {
  return std::any_of(draft.remarks.begin(), draft.remarks.end(), [&](const Remark& remark) {
    return remark.executable == executable && remark.text.find(text) != std::string::npos;
  });
}

}  // namespace

TEST_CASE("no events, no entries") {
  Draft draft = draft_of({}, files({}));
  CHECK(draft.entries.empty());
  CHECK(draft.remarks.empty());
}

TEST_CASE("each sealed file gets a grant of its own") {
  Draft draft = draft_of({event("/usr/sbin/bpftool", "prog_get_next_id"), test::map("/usr/bin/tracer", "hash")},
                         files({{"/usr/sbin/bpftool", sealed(1)}, {"/usr/bin/tracer", sealed(2)}}));
  REQUIRE(draft.entries.size() == 2);
  CHECK(draft.entries[0].path == "/usr/bin/tracer");
  CHECK(draft.entries[0].digest == test::digest(2));
  CHECK(draft.entries[0].grant.name == "tracer");
  CHECK(draft.entries[0].grant.commands == test::commands({"map_create"}));
  CHECK(draft.entries[1].grant.name == "bpftool");
  CHECK(draft.entries[1].grant.commands == test::commands({"prog_get_next_id"}));
  CHECK(draft.remarks.empty());
}

TEST_CASE("two files of one base name get two grants") {
  Draft draft = draft_of({event("/opt/bpftool", "btf_load"), event("/usr/bpftool", "map_freeze")},
                         files({{"/opt/bpftool", sealed(1)}, {"/usr/bpftool", sealed(2)}}));
  REQUIRE(draft.entries.size() == 2);
  CHECK(draft.entries[0].grant.name == "bpftool");
  CHECK(draft.entries[0].grant.commands == test::commands({"btf_load"}));
  CHECK(draft.entries[1].grant.name == "bpftool-2");
  CHECK(draft.entries[1].grant.commands == test::commands({"map_freeze"}));
}

TEST_CASE("two files of one content are one entry") {
  Draft draft =
      draft_of({event("/b", "btf_load"), event("/a", "map_freeze")}, files({{"/a", sealed(1)}, {"/b", sealed(1)}}));
  REQUIRE(draft.entries.size() == 1);
  CHECK(draft.entries[0].path == "/a");
  CHECK(draft.entries[0].grant.commands == test::commands({"btf_load", "map_freeze"}));
}

TEST_CASE("an entry keeps what any file of its content has") {
  // Listed, the digest decides for both, and no signature does any more.
  Draft draft = draft_of({event("/a", "btf_load"), event("/b", "btf_load")},
                         files({{"/a", sealed(1)}, {"/b", sealed(1, {"full"})}}));
  REQUIRE(draft.entries.size() == 1);
  CHECK(draft.entries[0].base_grants == std::vector<std::string>{"full"});
}

TEST_CASE("the order of events does not show") {
  std::vector<gate::Event> events = {event("/b/x", "btf_load"), event("/a/x", "map_freeze"), test::map("/a/x", "hash"),
                                     test::load("/c", "xdp", {"redirect"}), event("/gone", "btf_load")};
  Examiner examiner = files({{"/a/x", sealed(1)}, {"/b/x", sealed(2)}, {"/c", sealed(3)}});
  Draft expected = draft_of(events, examiner);
  std::mt19937 engine(1);
  for (int round = 0; round < 20; ++round) {
    events.push_back(events[engine() % events.size()]);
    std::shuffle(events.begin(), events.end(), engine);
    Draft draft = draft_of(events, examiner);
    REQUIRE(draft.remarks == expected.remarks);
    REQUIRE(draft.entries.size() == expected.entries.size());
    for (size_t i = 0; i < draft.entries.size(); ++i) REQUIRE(draft.entries[i].grant == expected.entries[i].grant);
  }
}

TEST_CASE("what cannot be listed is said, with what to do") {
  std::vector<gate::Event> events;
  for (const char* path : {"/open", "/gone", "/python", "/lib", "/locked", "/revoked"})
    events.push_back(event(path, "btf_load"));
  Draft draft = draft_of(events, files({{"/open", {FileState::NotSealed, "", {}, {}}},
                                        {"/python", {FileState::Interpreter, "an interpreter", test::digest(1), {}}},
                                        {"/lib", {FileState::Library, "", test::digest(2), {}}},
                                        {"/revoked", {FileState::Revoked, "", test::digest(3), {}}},
                                        {"/locked", {FileState::Unreadable, "Permission denied", {}, {}}}}));
  CHECK(draft.entries.empty());
  CHECK(draft.remarks.size() == 6);
  CHECK(has_remark(draft, "/revoked", "revoked"));
  CHECK(has_remark(draft, "/open", "not sealed"));
  CHECK(has_remark(draft, "/gone", "no longer there"));
  CHECK(has_remark(draft, "/python", "an interpreter"));
  CHECK(has_remark(draft, "/lib", "library"));
  CHECK(has_remark(draft, "/locked", "Permission denied"));
  for (const Remark& remark : draft.remarks) CHECK_FALSE(remark.remedy.empty());
}

TEST_CASE("names of a newer kernel are said, and the rest is learned") {
  Draft draft = draft_of({event("/a", "command 61"), test::map("/a", "map type 60"), event("/a", "btf_load")},
                         files({{"/a", sealed(1)}}));
  REQUIRE(draft.entries.size() == 1);
  CHECK(draft.entries[0].grant.commands == test::commands({"btf_load"}));
  CHECK(has_remark(draft, "/a", "command 61"));
  CHECK(has_remark(draft, "/a", "map type 60"));
}

TEST_CASE("a helper that makes the difference is said") {
  Draft draft = draft_of({test::load("/a", "kprobe", {"probe_write_user"})}, files({{"/a", sealed(1)}}));
  CHECK(has_remark(draft, "/a", "the helper probe_write_user"));
  CHECK_FALSE(has_remark(draft, "/a", "\"any\""));
  draft = draft_of({test::load("/a", "kprobe", {"probe_write_user", "helper 250"})}, files({{"/a", sealed(1)}}));
  CHECK(has_remark(draft, "/a", "gets helpers \"any\": its programs call the helper helper 250"));
}

TEST_CASE("what a process without its mark calls is not learned for the file it claims to be") {
  for (const char* reason : {"taint-exe-replaced", "taint-anonymous", "exec-traced", "exe-changed", "shared-memory"}) {
    INFO(reason);
    gate::Event forged = event("/a", "btf_load");
    forged.reason = reason;
    REQUIRE(forged.kind == "would-refuse");
    Draft draft = draft_of({forged}, files({{"/a", sealed(1)}}));
    CHECK(draft.entries.empty());
    CHECK(has_remark(draft, "/a", reason));
  }
}

TEST_CASE("attempts on the gate, debuggers and unmet conditions are not learned") {
  gate::Event guarded = event("/a", "link_get_fd_by_id");
  guarded.reason = "guarded-link";
  gate::Event debugger = event("/a", "btf_load");
  debugger.reason = "debugger";
  debugger.command.reset();
  gate::Event condition = event("/a", "btf_load");
  condition.reason = "condition-not-met";
  condition.rule = "tracing";
  gate::Event tainted = event("/a", "btf_load");
  tainted.kind = "tainted";
  tainted.reason = "taint-anonymous";
  gate::Event nameless = event("", "btf_load");
  nameless.comm = "who";
  Draft draft = draft_of({guarded, debugger, condition, tainted, nameless}, files({{"/a", sealed(1)}}));
  CHECK(draft.entries.empty());
  CHECK(draft.remarks.size() == 4);
  CHECK(has_remark(draft, "/a", "guarded-link"));
  CHECK(has_remark(draft, "/a", "tracing"));
  CHECK(has_remark(draft, "/a", "taint-anonymous"));
  CHECK(has_remark(draft, "who", "could not name"));
}

TEST_CASE("what the base grants is left out") {
  manifest::Manifest base = test::empty_base();
  manifest::Grant maps{.name = "maps", .commands = test::commands({"map_create"}), .map_types = 0b10};  // hash
  maps.when.cgroups = {"/system.slice"};  // a condition is not for a draft to get around
  base.grants["maps"] = maps;
  base.default_grants = {"inspect"};
  std::vector<gate::Event> events = {event("/a", "prog_get_next_id"), test::map("/a", "hash"), test::map("/a", "array"),
                                     event("/b", "map_create")};
  events[3].map_type = "hash";
  Draft draft = draft_of(events, files({{"/a", sealed(1, {"maps"})}, {"/b", sealed(2, {"full"})}}), base);
  REQUIRE(draft.entries.size() == 1);
  CHECK(draft.entries[0].path == "/a");
  CHECK(draft.entries[0].base_grants == std::vector<std::string>{"maps"});
  CHECK(draft.entries[0].grant.commands == test::commands({"map_create"}));
  CHECK(draft.entries[0].grant.map_types == 0b100);  // array
}

TEST_CASE("names of the base's grants are taken") {
  manifest::Manifest base = test::empty_base();
  base.grants["a"] = {.name = "a"};
  Draft draft = draft_of({event("/a", "btf_load"), event("/full", "btf_load")},
                         files({{"/a", sealed(1)}, {"/full", sealed(2)}}), base);
  REQUIRE(draft.entries.size() == 2);
  CHECK(draft.entries[0].grant.name == "a-2");
  CHECK(draft.entries[1].grant.name == "full-2");
}

TEST_CASE("an interpreter that has what it needs is nobody's trouble") {
  File python{FileState::Interpreter, "an interpreter", test::digest(1), {"full"}};
  CHECK(draft_of({event("/python", "btf_load")}, files({{"/python", python}})).remarks.empty());
}

TEST_CASE("a file has at most eight grants, a manifest sixty-four") {
  File crowded = sealed(1, {"a", "b", "c", "d", "e", "f", "g", "h"});
  Draft draft = draft_of({event("/a", "btf_load")}, files({{"/a", crowded}}));
  CHECK(draft.entries.empty());
  CHECK(has_remark(draft, "/a", "as many grants"));

  std::vector<gate::Event> events;
  std::map<std::string, File> known;
  for (uint8_t i = 0; i < 61; ++i) {
    std::string path = "/program" + std::to_string(i);
    events.push_back(event(path, "btf_load"));
    known[path] = sealed(i);
  }
  CHECK(draft_from(events, test::empty_base(), files(known)).error().kind == ErrorKind::Refused);
  events.pop_back();
  CHECK(draft_of(events, files(known)).entries.size() == 60);
}
