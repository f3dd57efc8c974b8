// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/event_json.h"
#include "cli/event_text.h"
#include "cli/policy_source.h"
#include "gate/event_filter.h"
#include "gate/events.h"
#include "gate/gate.h"
#include "learn/journal.h"
#include "learn/time.h"

namespace bpfgate::cli {
namespace {

using gate::Event;

struct EventsOptions {
  std::filesystem::path pin_directory = gate::default_pin_directory;
  gate::EventFilter filter;
  std::string since;
  std::string file;
  bool journal = false;
  bool follow = false;
  bool json = false;
};

std::atomic<bool> is_interrupted = false;

void on_signal(int) { is_interrupted = true; }

// Followed, a stream has no end that a closing bracket could mark: there it is one object a line.
void print_json_line(const Event& event) {
  Json line = json_output("events");
  line["event"] = json_of(event);
  std::printf("%s\n", line.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

// Prints what the filter lets through.
class Printer {
 public:
  explicit Printer(const EventsOptions& options) : options_(options) {}

  void take(const Event& event) {
    if (!gate::matches(options_.filter, event)) return;
    if (!options_.json) {
      std::printf("%s\n", text_of(event).c_str());
    } else if (options_.follow) {
      print_json_line(event);
    } else {
      collected_.push_back(json_of(event));
    }
  }

  Result<int> finish() {
    if (options_.json && !options_.follow) print_json_list("events", "events", std::move(collected_));
    TRY(flush_output());
    return exit_good;
  }

 private:
  const EventsOptions& options_;
  Json collected_ = Json::array();
};

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

Result<> take_from_kernel(const EventsOptions& options, Printer& printer) {
  auto handle = [&](const Event& event) { printer.take(event); };
  TRY_ASSIGN(gate::EventReader reader, gate::EventReader::open(options.pin_directory, handle));
  if (options.follow) return follow(reader);
  TRY(reader.poll(std::chrono::milliseconds(0)));
  return {};
}

Result<std::vector<Event>> recorded_events(const EventsOptions& options) {
  if (options.journal) return learn::read_journal(options.filter.since);
  return read_events(options.file);
}

Result<int> run(EventsOptions& options) {
  if (!options.since.empty()) {
    auto since = learn::time_from(options.since, std::chrono::system_clock::now());
    if (!since) return std::unexpected(std::move(since).error().within("--since"));
    options.filter.since = *since;
  }
  TRY(gate::check(options.filter));
  Printer printer(options);
  if (!options.journal && options.file.empty()) {
    TRY(take_from_kernel(options, printer));
  } else {
    TRY_ASSIGN(std::vector<Event> events, recorded_events(options));
    for (const Event& event : events) printer.take(event);
  }
  return printer.finish();
}

void add_source_options(CLI::App& app, EventsOptions& options) {
  CLI::Option* follow = app.add_flag("-f,--follow", options.follow, "go on until interrupted");
  CLI::Option* journal =
      app.add_flag("--journal", options.journal, "show what bpfgated wrote to the journal")->excludes(follow);
  app.add_option("--from", options.file, "show what bpfgate events --json printed; - is standard input")
      ->type_name("FILE")
      ->check(refuse_empty)
      ->excludes(follow)
      ->excludes(journal);
  add_pin_directory(app, options.pin_directory);
}

void add_filter_options(CLI::App& app, EventsOptions& options) {
  gate::EventFilter& filter = options.filter;
  app.add_option("--kind", filter.kinds, "only refused, would-refuse or tainted")->type_name("KIND");
  app.add_option("--reason", filter.reasons, "only for this reason")->type_name("REASON");
  app.add_option("--command", filter.commands, "only about this command of bpf(2)")->type_name("COMMAND");
  app.add_option("--process", filter.processes, "only of this process")->type_name("PID");
  app.add_option("--uid", filter.uids, "only of this user, by number")->type_name("UID");
  app.add_option("--comm", filter.comms, "only of processes whose name matches")->type_name("GLOB");
  app.add_option("--executable", filter.executables, "only of executables whose path matches")->type_name("GLOB");
  app.add_option("--rule", filter.rules, "only where a grant decided whose name matches")->type_name("GLOB");
  app.add_option("--since", options.since, "leave out older events: 2026-03-01T12:00:00Z, or -1h")
      ->type_name("TIME")
      ->check(refuse_empty);
}

}  // namespace

void setup_events(CLI::App& app, int& status) {
  auto options = std::make_shared<EventsOptions>();
  add_source_options(app, *options);
  add_filter_options(app, *options);
  app.add_flag("--json", options->json, "print one JSON object; with --follow one a line");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
