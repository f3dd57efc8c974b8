// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "cli/file_batch.h"
#include "cli/tree_options.h"

namespace bpfgate::cli {
namespace {

using fsverity::Digest;

struct DigestOptions {
  BatchOptions batch;
  TreeOptions tree;
  bool json = false;
};

Result<int> run(const DigestOptions& options) {
  TRY_ASSIGN(const fsverity::Parameters parameters, parameters_of(options.tree));
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  const FileBatch<Digest> batch{
      .command = "digest",
      .work = [&](const std::string& file) { return fsverity::compute(file, parameters); },
      .status_of = [](const Digest&) { return exit_good; },
      // The line `fsverity digest` prints, so that scripts can take either.
      .print =
          [&](const std::string& file, const Digest& digest) {
            if (!options.json) std::printf("%s %s\n", to_string(digest).c_str(), file.c_str());
          },
      .describe = [](Json& entry, const Digest& digest) { entry["digest"] = to_string(digest); },
  };
  return run_batch(files, options.batch.jobs, options.json, batch);
}

}  // namespace

void setup_digest(CLI::App& app, int& status) {
  auto options = std::make_shared<DigestOptions>();
  add_batch_options(app, options->batch);
  add_tree_options(app, options->tree);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
