// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <iterator>
#include <memory>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/draft_json.h"
#include "cli/event_json.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "gate/policy.h"
#include "learn/draft.h"
#include "learn/journal.h"
#include "learn/time.h"

namespace bpfgate::cli {
namespace {

using gate::Event;

struct LearnOptions {
  std::vector<std::string> files;
  bool journal = false;
  std::string since;
  std::string base;
  std::string name;
  std::string output;
  bool json = false;
};

Result<std::optional<learn::Time>> since_of(const LearnOptions& options) {
  if (options.since.empty()) return std::nullopt;
  auto time = learn::time_from(options.since, std::chrono::system_clock::now());
  if (!time) return std::unexpected(std::move(time).error().within("--since"));
  return *time;
}

Result<std::vector<Event>> collect(const LearnOptions& options) {
  TRY_ASSIGN(std::optional<learn::Time> since, since_of(options));
  std::vector<Event> events;
  auto take = [&](std::vector<Event> more) { std::move(more.begin(), more.end(), std::back_inserter(events)); };
  if (options.journal) {
    TRY_ASSIGN(std::vector<Event> found, learn::read_journal(since));
    take(std::move(found));
  }
  for (const std::string& file : options.files) {
    TRY_ASSIGN(std::vector<Event> found, read_events(file));
    take(std::move(found));
  }
  if (since) std::erase_if(events, [&](const Event& event) { return event.time < *since; });
  return events;
}

void print_remark(const learn::Remark& remark) {
  std::fprintf(stderr, "bpfgate: %s: %s\n", printable(remark.executable).c_str(), printable(remark.text).c_str());
  if (!remark.remedy.empty()) std::fprintf(stderr, "  %s\n", remark.remedy.c_str());
}

void print_remarks(const std::vector<learn::Remark>& remarks, size_t event_count) {
  for (const learn::Remark& remark : remarks) print_remark(remark);
  if (event_count == 0) std::fprintf(stderr, "bpfgate: there are no events to learn from\n");
}

void print_draft_json(const learn::Draft& draft, const std::string& file) {
  Json output = json_output("learn");
  output["draft"] = file;
  output["learned"] = Json::array();
  for (const learn::Entry& entry : draft.entries)
    output["learned"].push_back(
        {{"path", entry.path}, {"digest", fsverity::to_string(entry.digest)}, {"grant", entry.grant.name}});
  output["remarks"] = Json::array();
  for (const learn::Remark& remark : draft.remarks)
    output["remarks"].push_back(
        {{"executable", remark.executable}, {"message", remark.text}, {"remedy", remark.remedy}});
  print_json(output);
}

void print_draft(const learn::Draft& draft, const std::string& file) {
  for (const learn::Entry& entry : draft.entries)
    std::printf("%s: grant %s\n", printable(entry.path).c_str(), entry.grant.name.c_str());
  std::printf("%s\n", file.c_str());
}

Result<int> run(const LearnOptions& options) {
  if (!options.journal && options.files.empty())
    return fail(ErrorKind::Usage, "nothing to learn from", "give --journal, --events FILE, or both");
  TRY_ASSIGN(BaseManifest base,
             load_base(options.base.empty() ? std::nullopt : std::optional<std::filesystem::path>(options.base)));
  TRY_ASSIGN(gate::OfflineTrust offline, gate::offline_trust(base.manifest));
  TRY_ASSIGN(std::vector<Event> events, collect(options));
  auto examiner = [&](const std::string& path) { return learn::examine(path, offline.trust); };
  TRY_ASSIGN(learn::Draft draft, learn::draft_from(events, base.manifest, examiner));
  TRY_ASSIGN(std::string text, manifest_text(draft, base, options.name, options.output));
  TRY(write_file_atomically(options.output, as_bytes(text)));
  print_remarks(draft.remarks, events.size());
  if (options.json)
    print_draft_json(draft, options.output);
  else
    print_draft(draft, options.output);
  TRY(flush_output());
  return exit_good;
}

}  // namespace

void setup_learn(CLI::App& app, int& status) {
  auto options = std::make_shared<LearnOptions>();
  app.add_option("--events", options->files, "learn from what bpfgate events --json printed; - is standard input")
      ->type_name("FILE");
  app.add_flag("--journal", options->journal, "learn from what bpfgated wrote to the journal");
  app.add_option("--since", options->since, "leave out older events: 2026-03-01T12:00:00Z, or -1h")
      ->type_name("TIME")
      ->check(refuse_empty);
  app.add_option("--manifest", options->base, "add to this manifest")->type_name("FILE")->check(refuse_empty);
  app.add_option("--name", options->name, "name of the draft (without it: learned, or that of --manifest)")
      ->type_name("NAME");
  app.add_option("-o,--output", options->output, "where the draft goes")->type_name("FILE")->required();
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
