// SPDX-License-Identifier: MIT
// Between events, drafts and their text.
#include <catch2/catch_test_macros.hpp>

#include "cli/draft_json.h"
#include "cli/event_json.h"
#include "sample.h"
#include "temporary_directory.h"

using namespace bpfgate;
using cli::Json;

namespace {

gate::Event sample() {
  gate::Event event = learn::test::load("/usr/bin/bpftrace", "kprobe", {"get_current_comm"});
  event.kfuncs = {"bpf_task_from_pid"};
  event.kfunc_count = 2;
  event.target = "vfs_read";
  event.time += std::chrono::milliseconds(1500);
  event.pid = 8;
  event.tgid = 7;
  event.uid = 1000;
  event.verdict = "loader";
  event.denied = "probe_write_user";
  event.rule = "tracing";
  event.pre_existing = true;
  event.generation = uint64_t{1} << 40;
  return event;
}

std::string one_object(const std::vector<gate::Event>& events, int indent) {
  Json json = {{"bpfgate", 1}, {"command", "events"}, {"events", Json::array()}};
  for (const gate::Event& event : events) json["events"].push_back(cli::json_of(event));
  return json.dump(indent) + "\n";
}

std::string one_line(const gate::Event& event) {
  Json json = {{"bpfgate", 1}, {"command", "events"}, {"event", cli::json_of(event)}};
  return json.dump() + "\n";
}

std::string error_of(const std::string& text) { return cli::events_from(text, "log").error().message; }

learn::Draft draft_of(const std::vector<gate::Event>& events, const learn::Examiner& examiner,
                      const cli::BaseManifest& base) {
  return learn::draft_from(events, base.manifest, examiner).value();
}

}  // namespace

TEST_CASE("events are read as they were printed") {
  for (const std::string& text : {one_object({sample(), sample()}, 2), one_object({sample(), sample()}, -1),
                                  one_line(sample()) + "\n" + one_line(sample())}) {
    auto events = cli::events_from(text, "log").value();
    CHECK(events == std::vector<gate::Event>{sample(), sample()});
  }
  CHECK(cli::events_from("", "log").value().empty());
  CHECK(cli::events_from("\n \n", "log").value().empty());
  CHECK(cli::events_from(one_object({}, 2), "log").value().empty());
}

TEST_CASE("what cannot be read is said with its place") {
  CHECK(error_of("nonsense\n") == "log:1: not JSON");
  CHECK(error_of(one_line(sample()) + "{\"bpfgate\": 1,\n") == "log:2: not JSON");
  CHECK(error_of("{\n  \"bpfgate\": 1,\n  oops\n}\n") == "log:3: not JSON");
  CHECK(error_of(one_line(sample()) + "\n{}\n") == "log:3: no output of bpfgate events");
  CHECK(error_of("[]\n") == "log:1: no output of bpfgate events");
  CHECK(error_of("{\"bpfgate\": 2, \"command\": \"events\"}\n") == "log:1: no output of bpfgate events");
  CHECK(error_of("{\"bpfgate\": 1, \"command\": \"events\"}\n") == "log:1: has no list of events");
  CHECK(error_of("{\"bpfgate\": 1e999}\n") != "");
  CHECK(error_of("{\"bpfgate\": 1, \"command\": \"events\", \"events\": [1]}\n") ==
        "log:1: /events/0: an event must be an object");
}

TEST_CASE("an event without what is needed is refused") {
  for (const char* key :
       {"time",         "kind",     "reason",      "executable", "comm",    "rule",         "command",
        "program_type", "map_type", "attach_type", "target",     "helpers", "kfuncs",       "kfunc_count",
        "pid",          "tgid",     "uid",         "verdict",    "denied",  "pre_existing", "generation"}) {
    INFO(key);
    Json json = {{"bpfgate", 1}, {"command", "events"}, {"event", cli::json_of(sample())}};
    json["event"][key] = Json::object();
    CHECK(error_of(json.dump()).starts_with(std::string("log:1: /event: ") + key));
    json["event"].erase(key);
    CHECK(error_of(json.dump()).starts_with(std::string("log:1: /event: ") + key));
  }
}

TEST_CASE("an empty draft is a manifest") {
  auto base = cli::load_base({}).value();
  std::string text = cli::manifest_text({}, base, "", "draft.json").value();
  manifest::Manifest learned = manifest::parse(text, "draft.json", {}).value();
  CHECK(learned.name == "learned");
  CHECK(learned.sequence == 1);
  CHECK(learned.mode == manifest::Mode::Audit);
  CHECK(learned.digests.empty());
  CHECK(cli::manifest_text({}, base, "no name", "draft.json").error().kind == ErrorKind::Invalid);
}

TEST_CASE("a draft's manifest grants what was learned, and nothing else") {
  auto base = cli::load_base({}).value();
  auto examiner = learn::test::files(
      {{"/a", learn::test::sealed(1)}, {"/b", learn::test::sealed(2)}, {"/c", learn::test::sealed(3)}});
  learn::Draft draft =
      draft_of({learn::test::load("/a", "kprobe"), learn::test::event("/b", "btf_load"),
                learn::test::load("/b", "xdp", {"redirect"}), learn::test::load("/c", "xdp", {"helper 250"})},
               examiner, base);
  std::string text = cli::manifest_text(draft, base, "hosts", "draft.json").value();
  manifest::Manifest learned = manifest::parse(text, "draft.json", {}).value();
  CHECK(learned.name == "hosts");
  REQUIRE(learned.digests.size() == 3);
  CHECK(learned.digests[0].grants == std::vector<std::string>{"a"});
  CHECK(learned.digests[0].note == "/a");
  for (const learn::Entry& entry : draft.entries) CHECK(learned.grants.at(entry.grant.name) == entry.grant);
  // Types are there wherever they count, and only there; helpers are said either way.
  Json json = Json::parse(text);
  CHECK(json["grants"]["a"].dump() ==
        R"({"commands":["prog_load"],"program_types":["kprobe"],"attach_types":[],"helpers":{"allow":[]}})");
  CHECK(json["grants"]["b"]["helpers"].dump() == R"({"allow":["redirect"]})");
  CHECK(json["grants"]["c"]["helpers"] == "any");
}

TEST_CASE("files that the base names are found from the draft") {
  bpfgate::test::TemporaryDirectory directory;
  auto path = directory.file("base.json", R"({"bpfgate": 1, "name": "x", "sequence": 1, "mode": "audit",
      "extension": {"path": "own/last_word.o", "digest": ")" +
                                              fsverity::to_string(learn::test::digest(1)) + R"("}})");
  auto base = cli::load_base(path).value();
  std::string text = cli::manifest_text({}, base, "", "/elsewhere/draft.json").value();
  manifest::Manifest learned = manifest::parse(text, "/elsewhere/draft.json", {}).value();
  CHECK(learned.extension->path == (directory.path() / "own/last_word.o").string());
  CHECK(learned.extension->digest == base.manifest.extension->digest);
}

TEST_CASE("a base is kept, and added to") {
  bpfgate::test::TemporaryDirectory directory;
  (void)directory.file("loaders.pem", "certificate");
  std::string digest = fsverity::to_string(learn::test::digest(1));
  auto path = directory.file("base.json", R"({"bpfgate": 1, "name": "hosts", "sequence": 7, "mode": "enforce",
      "signers": [{"name": "loaders", "role": "loader", "certificate": "loaders.pem", "grant": "inspect"}],
      "digests": [{"kind": "fsverity", "digest": ")" +
                                              digest + R"(", "grant": "maps", "note": "mine"}],
      "grants": {"maps": {"commands": ["map_create"]}}, "default": {"grant": "inspect"}})");
  auto base = cli::load_base(path).value();
  auto examiner =
      learn::test::files({{"/a", learn::test::sealed(1, {"maps"})}, {"/b", learn::test::sealed(2, {"inspect"})}});
  learn::Draft draft = draft_of(
      {learn::test::event("/a", "btf_load"), learn::test::map("/a", "hash"), learn::test::event("/b", "btf_load")},
      examiner, base);
  std::string text = cli::manifest_text(draft, base, "", "/elsewhere/draft.json").value();
  auto target = bpfgate::test::TemporaryDirectory();
  manifest::Manifest learned = manifest::load(target.file("draft.json", text)).value();
  CHECK(learned.name == "hosts");
  CHECK(learned.sequence == 8);
  CHECK(learned.mode == manifest::Mode::Audit);
  CHECK(learned.signers == base.manifest.signers);
  CHECK(learned.default_grants == base.manifest.default_grants);
  CHECK(learned.grants.at("maps") == base.manifest.grants.at("maps"));
  REQUIRE(learned.digests.size() == 2);
  CHECK(learned.digests[0].note == "mine");
  CHECK(learned.digests[0].grants == std::vector<std::string>{"a", "maps"});
  // A listed digest has the last word on its file, so what the signer gives it is listed as well.
  CHECK(learned.digests[1].grants == std::vector<std::string>{"b", "inspect"});
  CHECK(learned.grants.at("a").commands == learn::test::commands({"btf_load"}));
}
