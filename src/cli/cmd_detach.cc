// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/sidecars.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

struct DetachOptions {
  BatchOptions batch;
  std::filesystem::path directory;
  bool json = false;
};

Json entry_of(const std::string& file, const Result<>& done, const DetachOptions& options) {
  Json entry = {{"path", file}, {"sidecar", sign::sidecar_of(file, options.directory).string()}};
  if (!done) entry["error"] = json_of(done.error());
  return entry;
}

Result<int> run(const DetachOptions& options) {
  TRY_ASSIGN(std::vector<std::string> files, collect_files(options.batch));
  TRY(prepare_sidecars(files, options.directory));
  int status = exit_good;
  Json entries = Json::array();
  auto sidecar = [&](const std::string& file) { return sign::sidecar_of(file, options.directory); };
  parallel_for_each(
      files, options.batch.jobs, [&](const std::string& file) { return sign::detach(file, sidecar(file)); },
      [&](const std::string& file, const Result<>& done) {
        if (!done) status = combine_status(status, report(done.error()));
        if (options.json) entries.push_back(entry_of(file, done, options));
        if (done && !options.json) std::printf("detached %s %s\n", sidecar(file).c_str(), file.c_str());
      });
  if (options.json) print_json_list("detach", "files", std::move(entries));
  TRY(flush_output());
  return status;
}

}  // namespace

void setup_detach(CLI::App& app, int& status) {
  auto options = std::make_shared<DetachOptions>();
  add_batch_options(app, options->batch);
  app.add_option("--output-dir", options->directory, "where signatures go (default: beside the file)")
      ->type_name("DIR");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
