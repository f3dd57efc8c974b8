// SPDX-License-Identifier: MIT
// Records of the ring buffer in words, and which of them somebody wants to see.
#include "gate/events.h"

#include <catch2/catch_test_macros.hpp>
#include <cstring>

#include "gate/event_filter.h"
#include "gate_abi.h"

using namespace bpfgate;
using gate::Event;
using gate::EventFilter;

namespace {

gate_event record() {
  gate_event record = {};
  record.kind = GATE_EVENT_REFUSED;
  record.pid = 8;
  record.tgid = 7;
  record.uid = 1000;
  record.command = 5;
  record.program_type = 2;
  record.map_type = GATE_NO_MAP_TYPE;
  record.attach_type = GATE_NO_ATTACH_TYPE;
  record.verdict = GATE_VERDICT_LOADER;
  record.reason = GATE_REASON_HELPER_NOT_GRANTED;
  record.helpers[0] = uint64_t{1} << 36;
  record.denied = 36;
  record.target = 11;
  record.kfuncs[0] = 12;
  record.kfunc_count = 20;
  std::strcpy(record.comm, "bpftool");
  std::strcpy(record.rule, "tracing");
  std::strcpy(record.path, "/usr/sbin/bpftool");
  return record;
}

std::string function_name(uint32_t id) { return "f" + std::to_string(id); }

Event event_of(const gate_event& record) {
  return gate::decode({reinterpret_cast<const uint8_t*>(&record), sizeof(record)}, function_name).value();
}

Event event_with(const std::string& reason, const std::string& rule, const std::string& kind = "refused") {
  Event event;
  event.kind = kind;
  event.reason = reason;
  event.rule = rule;
  return event;
}

}  // namespace

TEST_CASE("a record becomes an event") {
  Event event = event_of(record());
  CHECK(event.kind == "refused");
  CHECK(event.pid == 8);
  CHECK(event.tgid == 7);
  CHECK(event.uid == 1000);
  CHECK(event.comm == "bpftool");
  CHECK(event.executable == "/usr/sbin/bpftool");
  CHECK(event.command == "prog_load");
  CHECK(event.program_type == "kprobe");
  CHECK_FALSE(event.map_type);
  CHECK_FALSE(event.attach_type);
  CHECK(event.target == "f11");
  CHECK(event.helpers == std::vector<std::string>{"probe_write_user"});
  CHECK(event.kfuncs == std::vector<std::string>{"f12"});
  CHECK(event.kfunc_count == 20);
  CHECK(event.denied == "probe_write_user");
  CHECK(event.verdict == "loader");
  CHECK(event.reason == "helper-not-granted");
  CHECK(event.rule == "tracing");
  CHECK_FALSE(event.pre_existing);
}

TEST_CASE("a record that is too short is none, and of a longer one the start counts") {
  gate_event short_one = record();
  CHECK_FALSE(gate::decode({reinterpret_cast<const uint8_t*>(&short_one), sizeof(short_one) - 1}, function_name));
  CHECK_FALSE(gate::decode({}, function_name));
  Bytes longer(sizeof(gate_event) + 8, 0xff);
  std::memcpy(longer.data(), &short_one, sizeof(short_one));
  Event event = gate::decode(longer, function_name).value();
  event.time = {};
  Event same = event_of(short_one);
  same.time = {};
  CHECK(event == same);
}

TEST_CASE("text that fills its field has no end, and no time is later than now") {
  gate_event full = record();
  std::memset(full.comm, 'c', sizeof(full.comm));
  std::memset(full.rule, 'r', sizeof(full.rule));
  full.time = ~uint64_t{0};
  Event event = event_of(full);
  CHECK(event.comm == std::string(sizeof(full.comm), 'c'));
  CHECK(event.rule == std::string(sizeof(full.rule), 'r'));
  CHECK(event.time <= std::chrono::system_clock::now());
}

TEST_CASE("every refusal says by which grant") {
  for (const std::string& reason : gate::reason_words()) {
    INFO(reason);
    CHECK(gate::why(event_with(reason, "it")).find("grant \"it\"") != std::string::npos);
    CHECK(gate::why(event_with(reason, "it", "tainted")).ends_with(", and loses grant \"it\""));
    CHECK(gate::why(event_with(reason, "")).find("\"\"") == std::string::npos);
    CHECK(gate::why(event_with(reason, "")) != reason);
  }
  CHECK(gate::why(event_with("attach-type-not-granted", "x")) == "the attach type is not granted by grant \"x\"");
  CHECK(gate::why(event_with("program-not-signed", "x")) ==
        "no signer of programs that the grant names vouches for it: grant \"x\"");
  CHECK(gate::why(event_with("extension-refused", "x")) ==
        "the policy allows it, the gate's extension refuses it: grant \"x\"");
  CHECK(gate::why(event_with("not-sealed", "x")) ==
        "its file is not sealed with fs-verity, and what everybody has, grant \"x\", does not allow it");
  CHECK(gate::why(event_with("reason 99", "x")) == "reason 99 (grant \"x\")");
  CHECK(
      gate::sentence(event_of(record())) ==
      "refused: /usr/sbin/bpftool (7), prog_load, kprobe, f11: a helper that the program calls is not granted by grant "
      "\"tracing\": probe_write_user");
}

TEST_CASE("nothing in a sentence acts on a terminal") {
  Event event = event_with("\x1b[31m", "\n", "\x1b");
  event.executable = event.comm = "\x1b";
  event.command = event.program_type = event.map_type = event.attach_type = event.target = event.denied = "\n";
  for (char letter : gate::sentence(event)) CHECK((letter >= 0x20 && letter < 0x7f));
}

TEST_CASE("a filter without anything lets everything through") {
  CHECK(gate::matches({}, event_of(record())));
  CHECK(gate::matches({}, Event()));
}

TEST_CASE("each part of a filter counts") {
  Event event = event_of(record());
  CHECK(gate::matches({.kinds = {"tainted", "refused"}}, event));
  CHECK_FALSE(gate::matches({.kinds = {"tainted"}}, event));
  CHECK(gate::matches({.reasons = {"helper-not-granted"}}, event));
  CHECK_FALSE(gate::matches({.reasons = {"not-sealed"}}, event));
  CHECK(gate::matches({.commands = {"prog_load"}}, event));
  CHECK_FALSE(gate::matches({.commands = {"map_create"}}, event));
  CHECK_FALSE(gate::matches({.commands = {"prog_load"}}, Event()));
  CHECK(gate::matches({.processes = {1, 7}}, event));
  CHECK(gate::matches({.processes = {8}}, event));
  CHECK_FALSE(gate::matches({.processes = {9}}, event));
  CHECK(gate::matches({.uids = {1000}}, event));
  CHECK_FALSE(gate::matches({.uids = {0}}, event));
  CHECK(gate::matches({.comms = {"bpf*"}}, event));
  CHECK_FALSE(gate::matches({.comms = {"bpf"}}, event));
  CHECK(gate::matches({.executables = {"/usr/*tool"}}, event));
  CHECK_FALSE(gate::matches({.executables = {"*/bpftrace"}}, event));
  CHECK(gate::matches({.rules = {"trac???"}}, event));
  CHECK_FALSE(gate::matches({.rules = {""}}, event));
  CHECK(gate::matches({.since = event.time}, event));
  CHECK_FALSE(gate::matches({.since = event.time + std::chrono::seconds(1)}, event));
  CHECK_FALSE(gate::matches({.kinds = {"refused"}, .uids = {0}}, event));
}

TEST_CASE("words that no event has are refused") {
  CHECK(gate::check({}).has_value());
  CHECK(gate::check({.kinds = gate::kind_words(), .reasons = gate::reason_words(), .commands = {"prog_run"}}));
  for (const EventFilter& filter : {EventFilter{.kinds = {"refuse"}}, EventFilter{.reasons = {"not_sealed"}},
                                    EventFilter{.commands = {"prog-load"}}}) {
    auto checked = gate::check(filter);
    REQUIRE_FALSE(checked.has_value());
    CHECK(checked.error().kind == ErrorKind::Usage);
    CHECK(checked.error().remedy.starts_with("did you mean \""));
  }
}
