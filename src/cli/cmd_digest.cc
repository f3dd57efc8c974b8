// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tree_options.h"

namespace bpfgate::cli {
namespace {

using fsverity::Digest;

struct DigestOptions {
  BatchOptions batch;
  TreeOptions tree;
  bool json = false;
};

Json entry_of(const std::string& file, const Result<Digest>& digest) {
  Json entry = {{"path", file}};
  if (digest) {
    entry["digest"] = to_string(*digest);
  } else {
    entry["error"] = json_of(digest.error());
  }
  return entry;
}

// The line `fsverity digest` prints, so that scripts can take either.
void print_line(const std::string& file, const Digest& digest) {
  std::printf("%s %s\n", to_string(digest).c_str(), file.c_str());
}

Result<int> run(const DigestOptions& options) {
  TRY_ASSIGN(fsverity::Parameters parameters, parameters_of(options.tree));
  TRY_ASSIGN(std::vector<std::string> files, collect_files(options.batch));
  int status = exit_good;
  Json entries = Json::array();
  parallel_for_each(
      files, options.batch.jobs, [&](const std::string& file) { return fsverity::compute(file, parameters); },
      [&](const std::string& file, const Result<Digest>& digest) {
        if (!digest) status = combine_status(status, report(digest.error()));
        if (options.json) {
          entries.push_back(entry_of(file, digest));
        } else if (digest) {
          print_line(file, *digest);
        }
      });
  if (options.json) print_json_list("digest", "files", std::move(entries));
  TRY(flush_output());
  return status;
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
