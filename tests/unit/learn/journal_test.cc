// SPDX-License-Identifier: MIT
#include "learn/journal.h"

#include <catch2/catch_test_macros.hpp>

using namespace bpfgate;
using namespace bpfgate::learn;

TEST_CASE("an entry is an event again") {
  gate::Event event = event_from({{"BPFGATE_TIME", "1772366400250000"},
                                  {"BPFGATE_KIND", "would-refuse"},
                                  {"BPFGATE_REASON", "not-sealed"},
                                  {"BPFGATE_COMMAND", "prog_load"},
                                  {"BPFGATE_PROGRAM_TYPE", "kprobe"},
                                  {"BPFGATE_MAP_TYPE", ""},
                                  {"BPFGATE_HELPERS", "get_current_comm,probe_read_kernel"},
                                  {"BPFGATE_KFUNCS", "bpf_task_from_pid"},
                                  {"BPFGATE_KFUNC_COUNT", "3"},
                                  {"BPFGATE_EXECUTABLE", "/usr/bin/bpftrace"},
                                  {"BPFGATE_COMM", "bpftrace"},
                                  {"BPFGATE_PID", "42"},
                                  {"BPFGATE_UID", "1000"},
                                  {"BPFGATE_DENIED", "probe_write_user"},
                                  {"BPFGATE_GENERATION", "4294967297"},
                                  {"BPFGATE_PRE_EXISTING", "1"}});
  CHECK(event.time == Time(std::chrono::microseconds(1772366400250000)));
  CHECK(event.kind == "would-refuse");
  CHECK(event.reason == "not-sealed");
  CHECK(event.command == "prog_load");
  CHECK(event.program_type == "kprobe");
  CHECK_FALSE(event.map_type);
  CHECK_FALSE(event.attach_type);
  CHECK(event.helpers == std::vector<std::string>{"get_current_comm", "probe_read_kernel"});
  CHECK(event.kfuncs == std::vector<std::string>{"bpf_task_from_pid"});
  CHECK(event.kfunc_count == 3);
  CHECK(event.executable == "/usr/bin/bpftrace");
  CHECK(event.tgid == 42);
  CHECK(event.uid == 1000);
  CHECK(event.denied == "probe_write_user");
  CHECK(event.generation == 4294967297);
  CHECK(event.pre_existing);
}

TEST_CASE("an entry may lack anything") {
  gate::Event event = event_from({{"BPFGATE_PID", "many"}, {"BPFGATE_KFUNCS", ",a,,b,"}});
  CHECK(event.kind.empty());
  CHECK(event.time == Time());
  CHECK(event.tgid == 0);
  CHECK_FALSE(event.command);
  CHECK(event.kfuncs == std::vector<std::string>{"a", "b"});
  CHECK(event.kfunc_count == 2);
}

TEST_CASE("a time that is none counts as absent") {
  for (const char* text : {"", "-1", "1.5", "soon", "9223372036854775807", "99999999999999999999"})
    CHECK(event_from({{"BPFGATE_TIME", text}}).time == Time());
}
