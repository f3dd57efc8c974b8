// SPDX-License-Identifier: MIT
// Every reason has a message id of its own, and the man page lists them all.
#include "service/journal.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <map>
#include <set>

#include "base/io.h"
#include "learn/journal.h"

using namespace bpfgate;

namespace {

std::map<std::string, std::string> split(const std::vector<std::string>& fields) {
  std::map<std::string, std::string> found;
  for (const std::string& field : fields)
    found[field.substr(0, field.find('='))] = field.substr(std::min(field.size(), field.find('=') + 1));
  return found;
}

}  // namespace

TEST_CASE("what is written to the journal is the same event when it is read") {
  gate::Event event;
  event.time += std::chrono::microseconds(1772366400250001);
  event.kind = "refused";
  event.pid = event.tgid = 42;
  event.uid = 1000;
  event.comm = "new\nline=";
  event.executable = "/usr/bin/%s";
  event.command = "prog_load";
  event.program_type = "kprobe";
  event.map_type = "hash";
  event.attach_type = "xdp";
  event.target = "vfs_read";
  event.helpers = {"get_current_comm", "probe_write_user"};
  event.kfuncs = {"bpf_task_from_pid"};
  event.kfunc_count = 3;
  event.denied = "probe_write_user";
  event.verdict = "loader";
  event.reason = "helper-not-granted";
  event.rule = "tracing";
  event.pre_existing = true;
  event.generation = 7;
  auto fields = split(service::fields_of(event));
  CHECK(learn::event_from(fields) == event);
  CHECK(fields["BPFGATE_TIME"] == "1772366400250001");
  CHECK(fields["MESSAGE"] == gate::sentence(event));
  CHECK(fields["MESSAGE_ID"] == service::message_id("helper-not-granted"));
  CHECK(learn::event_from(split(service::fields_of({}))) == gate::Event());
}

TEST_CASE("every reason has a message id of its own") {
  std::set<std::string> ids;
  for (const std::string& reason : gate::reason_words()) {
    INFO(reason);
    std::string id(service::message_id(reason));
    CHECK(id.size() == 32);
    CHECK(std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isxdigit(c) != 0; }));
    CHECK(ids.insert(id).second);
  }
}

TEST_CASE("a reason that is not known has none") {
  CHECK(service::message_id("reason 99").empty());
  CHECK(service::message_id("").empty());
}

TEST_CASE("the man page has every message id, beside its reason") {
  std::string page = read_text_file(MAN_PAGE, size_t{1} << 20).value();
  for (const std::string& reason : gate::reason_words()) {
    INFO(reason);
    CHECK(page.find("|  " + reason + "\n:  " + std::string(service::message_id(reason)) + "\n") != std::string::npos);
  }
}
