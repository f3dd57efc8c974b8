// SPDX-License-Identifier: MIT
// Commands that do the same to many files: which files, on how many threads, and in which order results appear.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/app.h"

namespace bpfgate::cli {

struct BatchOptions {
  std::vector<std::string> files;
  std::string files_from;  // a file of names, "-" for stdin; empty: none
  bool separated_by_nul = false;
  unsigned jobs = 0;  // 0: one per CPU
};

// Declares --files-from and -0/--null.
void add_list_options(CLI::App& app, BatchOptions& options);
// Declares FILE..., these and -j/--jobs.
void add_batch_options(CLI::App& app, BatchOptions& options);

// The files of the command line, then those of --files-from. None at all is ErrorKind::Usage.
Result<std::vector<std::string>> collect_files(const BatchOptions& options);

// The exit status of a batch, from those of its files: the one they share, or exit_refused when failures differ.
int combine_status(int so_far, int status);

// Calls work(0) .. work(count - 1) on up to `jobs` threads (0: one per CPU), and emit(0), emit(1), ... in this order on
// the calling thread, each as soon as its work and all work before it are done. An exception of work() is thrown here.
void run_in_order(size_t count, unsigned jobs, const std::function<void(size_t)>& work,
                  const std::function<void(size_t)>& emit);

// The same over files: emit(file, work(file)) in input order. work() runs concurrently with itself, emit() does not.
template <class Work, class Emit>
void parallel_for_each(const std::vector<std::string>& files, unsigned jobs, Work work, Emit emit) {
  std::vector<std::optional<std::invoke_result_t<Work&, const std::string&>>> results(files.size());
  run_in_order(
      files.size(), jobs, [&](size_t i) { results[i].emplace(work(files[i])); },
      [&](size_t i) {
        emit(files[i], std::move(*results[i]));
        results[i].reset();
      });
}

}  // namespace bpfgate::cli
