// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/file_batch.h"
#include "cli/sidecars.h"
#include "cli/tree_options.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

struct DetachOptions {
  BatchOptions batch;
  std::filesystem::path directory;
  evidence::DigestKind kind = evidence::DigestKind::FsVerity;
  bool json = false;
};

// The sidecar, once the signature is in it.
Result<std::filesystem::path> detach_one(const std::string& file, const DetachOptions& options) {
  std::filesystem::path sidecar = sign::sidecar_of(file, options.directory);
  TRY(sign::detach(file, sidecar, options.kind));
  return sidecar;
}

Result<int> run(const DetachOptions& options) {
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  TRY(prepare_sidecars(files, options.directory));
  const FileBatch<std::filesystem::path> batch{
      .command = "detach",
      .work = [&](const std::string& file) { return detach_one(file, options); },
      .status_of = [](const std::filesystem::path&) { return exit_good; },
      .print =
          [&](const std::string& file, const std::filesystem::path& sidecar) {
            if (!options.json) std::printf("detached %s %s\n", sidecar.c_str(), file.c_str());
          },
      .describe = [](Json& entry, const std::filesystem::path& sidecar) { entry["sidecar"] = sidecar.string(); },
  };
  return run_batch(files, options.batch.jobs, options.json, batch);
}

}  // namespace

void setup_detach(CLI::App& app, int& status) {
  auto options = std::make_shared<DetachOptions>();
  add_batch_options(app, options->batch);
  app.add_option("--output-dir", options->directory, "where signatures go (default: beside the file)")
      ->type_name("DIR");
  add_kind_option(app, options->kind);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
