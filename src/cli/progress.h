// SPDX-License-Identifier: MIT
// One line on the terminal that says how far a batch is. Nothing at all where stderr is not a terminal.
#pragma once

#include <chrono>
#include <cstddef>

namespace bpfgate::cli {

class Progress {
 public:
  explicit Progress(size_t total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  void count(bool is_good);
  // Takes the line away, so that something else can be printed.
  void clear();

 private:
  void show() const;

  size_t total_;
  size_t done_ = 0;
  size_t failed_ = 0;
  bool is_wanted_;
  bool is_shown_ = false;
  std::chrono::steady_clock::time_point next_;
};

}  // namespace bpfgate::cli
