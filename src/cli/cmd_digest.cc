// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>
#include <memory>

#include "cli/file_batch.h"
#include "cli/tree_options.h"

namespace bpfgate::cli {
namespace {

// From a file's name to its digest, in text.
using Digester = std::function<Result<std::string>(const std::string& file)>;

struct DigestOptions {
  BatchOptions batch;
  TreeOptions tree;
  bool ima = false;
  bool json = false;
};

template <class T>
Result<std::string> text_of(const Result<T>& digest) {
  if (!digest) return Failure(digest.error());
  return to_string(*digest);
}

Result<Digester> digester_of(const DigestOptions& options) {
  if (options.ima) {
    TRY_ASSIGN(ima::Algorithm algorithm, ima_algorithm_of(options.tree));
    return [algorithm](const std::string& file) { return text_of(ima::compute(file, algorithm)); };
  }
  TRY_ASSIGN(fsverity::Parameters parameters, parameters_of(options.tree));
  return [parameters](const std::string& file) { return text_of(fsverity::compute(file, parameters)); };
}

Result<int> run(const DigestOptions& options) {
  TRY_ASSIGN(const Digester digester, digester_of(options));
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  const FileBatch<std::string> batch{
      .command = "digest",
      .work = digester,
      .status_of = [](const std::string&) { return exit_good; },
      // The line `fsverity digest` prints, so that scripts can take either.
      .print =
          [&](const std::string& file, const std::string& digest) {
            if (!options.json) std::printf("%s %s\n", digest.c_str(), file.c_str());
          },
      .describe = [](Json& entry, const std::string& digest) { entry["digest"] = digest; },
  };
  return run_batch(files, options.batch.jobs, options.json, batch);
}

}  // namespace

void setup_digest(CLI::App& app, int& status) {
  auto options = std::make_shared<DigestOptions>();
  add_batch_options(app, options->batch);
  add_tree_options(app, options->tree);
  app.add_flag("--ima", options->ima, "print IMA's digest, the plain hash of the content");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
