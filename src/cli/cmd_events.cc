// SPDX-License-Identifier: MIT
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/event_json.h"
#include "gate/events.h"
#include "gate/gate.h"

namespace bpfgate::cli {
namespace {

using gate::Event;

struct EventsOptions {
  std::filesystem::path pin_directory = gate::default_pin_directory;
  bool follow = false;
  bool json = false;
};

std::atomic<bool> is_interrupted = false;

void on_signal(int) { is_interrupted = true; }

void print_event(const Event& event) {
  std::printf("%s %s %s", time_text(event.time).c_str(), event.kind.c_str(), event.reason.c_str());
  for (const auto& what :
       {event.command, event.program_type, event.map_type, event.attach_type, event.target, event.denied})
    if (what) std::printf(" %s", what->c_str());
  std::printf(" pid=%u tgid=%u uid=%u comm=%s exe=%s verdict=%s rule=%s%s\n", event.pid, event.tgid, event.uid,
              printable(event.comm).c_str(), event.executable.empty() ? "?" : printable(event.executable).c_str(),
              event.verdict.c_str(), event.rule.c_str(), event.pre_existing ? " pre-existing" : "");
}

// Followed, a stream has no end that a closing bracket could mark: there it is one object a line.
void print_json_line(const Event& event) {
  Json line = json_output("events");
  line["event"] = json_of(event);
  std::printf("%s\n", line.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

Result<> follow(gate::EventReader& reader) {
  struct sigaction action = {};
  action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  while (!is_interrupted) {
    TRY(reader.poll(std::chrono::milliseconds(500)));
    TRY(flush_output());
  }
  return {};
}

Result<int> run(const EventsOptions& options) {
  Json collected = Json::array();
  auto handle = [&](const Event& event) {
    if (!options.json) {
      print_event(event);
    } else if (options.follow) {
      print_json_line(event);
    } else {
      collected.push_back(json_of(event));
    }
  };
  TRY_ASSIGN(gate::EventReader reader, gate::EventReader::open(options.pin_directory, handle));
  if (options.follow) {
    TRY(follow(reader));
    return exit_good;
  }
  TRY(reader.poll(std::chrono::milliseconds(0)));
  if (options.json) print_json_list("events", "events", std::move(collected));
  TRY(flush_output());
  return exit_good;
}

}  // namespace

void setup_events(CLI::App& app, int& status) {
  auto options = std::make_shared<EventsOptions>();
  app.add_flag("-f,--follow", options->follow, "go on until interrupted");
  app.add_flag("--json", options->json, "print one JSON object; with --follow one a line");
  app.add_option("--pin-directory", options->pin_directory, "where in bpffs the gate is")
      ->type_name("DIR")
      ->capture_default_str();
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
