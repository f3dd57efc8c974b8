// SPDX-License-Identifier: MIT
#include "cli/progress.h"

#include <unistd.h>

#include <cstdio>

namespace bpfgate::cli {
namespace {

using std::chrono::steady_clock;

// A batch that is over before anybody can read needs no line, and a terminal no more than ten of them a second.
constexpr auto patience = std::chrono::milliseconds(300);
constexpr auto interval = std::chrono::milliseconds(100);

}  // namespace

Progress::Progress(size_t total)
    : total_(total), is_wanted_(total > 1 && ::isatty(STDERR_FILENO) == 1), next_(steady_clock::now() + patience) {}

void Progress::count(bool is_good) {
  ++done_;
  if (!is_good) ++failed_;
  if (!is_wanted_ || steady_clock::now() < next_) return;
  next_ = steady_clock::now() + interval;
  std::fflush(stdout);  // the results so far come first, where both go to one terminal
  is_shown_ = true;
  show();
}

void Progress::clear() {
  if (!is_shown_) return;
  is_shown_ = false;
  std::fputs("\r\033[K", stderr);
}

void Progress::show() const {
  std::fprintf(stderr, "\r\033[K%zu of %zu", done_, total_);
  if (failed_ > 0) std::fprintf(stderr, ", %zu failed", failed_);
}

}  // namespace bpfgate::cli
