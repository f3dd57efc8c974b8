// SPDX-License-Identifier: MIT
// The shape that commands over many files share: work on all, print in order, say how far it is, answer with one
// status.
#pragma once

#include <unistd.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/progress.h"

namespace bpfgate::cli {

// What one command does with a file. Errors of work() are printed by run_batch(), so the others see results only.
template <class T>
struct FileBatch {
  std::string_view command;
  std::function<Result<T>(const std::string& file)> work;  // runs concurrently with itself
  std::function<int(const T& result)> status_of;
  std::function<void(const std::string& file, const T& result)> print;  // to stderr only when the status is not good
  std::function<void(Json& entry, const T& result)> describe;           // adds to {"path": FILE}
  const char* list = "files";                                           // the key of the entries
};

// Without --json `print` prints each result; with it, one object has an entry for each file. The status is that of
// combine_status() over all files.
template <class T>
Result<int> run_batch(const std::vector<std::string>& files, unsigned jobs, bool json, const FileBatch<T>& batch) {
  int status = exit_good;
  Json entries = Json::array();
  const bool is_on_terminal = ::isatty(STDOUT_FILENO) == 1;
  Progress progress(files.size());
  auto emit = [&](const std::string& file, const Result<T>& result) {
    const int one = result ? batch.status_of(*result) : exit_status_of(result.error().kind);
    status = combine_status(status, one);
    // Only what would land on the progress line takes it away; else it would be gone most of the time.
    if (one != exit_good || is_on_terminal) progress.clear();
    Json entry = {{"path", file}};
    if (result) {
      batch.print(file, *result);
      batch.describe(entry, *result);
    } else {
      report(result.error());
      entry["error"] = json_of(result.error());
    }
    if (json) entries.push_back(std::move(entry));
    progress.count(one == exit_good);
  };
  parallel_for_each(files, jobs, batch.work, emit);
  progress.clear();
  if (json) print_json_list(batch.command, batch.list, std::move(entries));
  TRY(flush_output());
  return status;
}

}  // namespace bpfgate::cli
