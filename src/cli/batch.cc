// SPDX-License-Identifier: MIT
#include "cli/batch.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdio>
#include <exception>
#include <mutex>
#include <string_view>
#include <thread>

#include "base/io.h"
#include "cli/cli.h"

namespace bpfgate::cli {
namespace {

// A list of this size names millions of files; more is a mistake such as naming the file itself.
constexpr size_t max_list_size = size_t{1} << 30;
constexpr unsigned max_jobs = 1024;

Result<std::string> read_stdin() {
  std::string text;
  std::array<char, 65536> chunk;
  while (size_t count = std::fread(chunk.data(), 1, chunk.size(), stdin)) {
    text.append(chunk.data(), count);
    if (text.size() > max_list_size) return fail(ErrorKind::Invalid, "the list on standard input is too long");
  }
  if (std::ferror(stdin)) return fail_errno("read standard input");
  return text;
}

Result<std::string> read_list(const std::string& name) {
  if (name == "-") return read_stdin();
  return read_text_file(name, max_list_size);
}

void append_names(std::string_view text, char separator, std::vector<std::string>& names) {
  while (!text.empty()) {
    size_t end = std::min(text.find(separator), text.size());
    if (end > 0) names.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

unsigned thread_count(size_t count, unsigned jobs) {
  if (jobs == 0) jobs = std::max(1U, std::thread::hardware_concurrency());
  return static_cast<unsigned>(std::min<size_t>(jobs, count));
}

// Hands out indexes to workers and tells the emitting thread which are done.
class Queue {
 public:
  Queue(size_t count, const std::function<void(size_t)>& work) : work_(work), done_(count, false) {}

  void work_until_empty() {
    while (std::optional<size_t> index = take()) {
      std::exception_ptr failure;
      try {
        work_(*index);
      } catch (...) {
        failure = std::current_exception();
      }
      finish(*index, failure);
    }
  }

  void wait_for(size_t index) {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return done_[index] || failure_; });
    if (failure_) std::rethrow_exception(failure_);
  }

  // Lets the workers end after what they have in hand.
  void close() {
    std::lock_guard lock(mutex_);
    next_ = done_.size();
  }

 private:
  std::optional<size_t> take() {
    std::lock_guard lock(mutex_);
    if (next_ >= done_.size()) return std::nullopt;
    return next_++;
  }

  void finish(size_t index, const std::exception_ptr& failure) {
    {
      std::lock_guard lock(mutex_);
      done_[index] = true;
      if (failure && !failure_) failure_ = failure;
    }
    finished_.notify_one();
  }

  const std::function<void(size_t)>& work_;
  std::mutex mutex_;
  std::condition_variable finished_;
  std::vector<bool> done_;
  size_t next_ = 0;
  std::exception_ptr failure_;
};

// Closes the queue however the scope is left, so that joining the workers ends.
struct CloseOnExit {
  Queue& queue;
  ~CloseOnExit() { queue.close(); }
};

}  // namespace

void add_list_options(CLI::App& app, BatchOptions& options) {
  app.add_option("--files-from", options.files_from, "read more file names from FILE, one a line; - is standard input")
      ->type_name("FILE");
  app.add_flag("-0,--null", options.separated_by_nul, "the names in --files-from are separated by NUL");
}

void add_batch_options(CLI::App& app, BatchOptions& options) {
  app.add_option("files", options.files, "files to work on")->type_name("FILE");
  add_list_options(app, options);
  app.add_option("-j,--jobs", options.jobs, "files to work on at once (default: one per CPU)")
      ->type_name("N")
      ->check(CLI::Range(1U, max_jobs));
}

Result<std::vector<std::string>> collect_files(const BatchOptions& options) {
  std::vector<std::string> files = options.files;
  if (!options.files_from.empty()) {
    TRY_ASSIGN(std::string list, read_list(options.files_from));
    append_names(list, options.separated_by_nul ? '\0' : '\n', files);
  }
  if (files.empty()) return fail(ErrorKind::Usage, "no files given", "name files, or a list of them with --files-from");
  return files;
}

int combine_status(int so_far, int status) {
  if (so_far == exit_good || so_far == status) return status;
  return status == exit_good ? so_far : exit_refused;
}

void run_in_order(size_t count, unsigned jobs, const std::function<void(size_t)>& work,
                  const std::function<void(size_t)>& emit) {
  unsigned threads = thread_count(count, jobs);
  Queue queue(count, work);
  std::vector<std::jthread> workers;
  workers.reserve(threads);
  CloseOnExit close_on_exit{queue};  // destroyed before the workers are joined
  for (unsigned i = 0; i < threads; ++i) workers.emplace_back([&] { queue.work_until_empty(); });
  for (size_t i = 0; i < count; ++i) {
    queue.wait_for(i);
    emit(i);
  }
}

}  // namespace bpfgate::cli
