// SPDX-License-Identifier: MIT
// Other programs, run for what they print.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace bpfgate {

// A program that writes to a pipe. Move-only; waits for it.
class Process {
 public:
  enum class Complaints { Shown, Hidden };  // what it says on standard error
  // words[0] is looked for on PATH. Its standard input is `input`, or this program's own.
  static Result<Process> start(std::vector<std::string> words, Complaints complaints = Complaints::Shown,
                               int input = STDIN_FILENO);
  Process(Process&& other) noexcept : output_(std::move(other.output_)), id_(std::exchange(other.id_, 0)) {}
  Process& operator=(Process&&) = delete;
  ~Process() { (void)wait(); }

  [[nodiscard]] int output() const { return output_.get(); }

  // Its exit status; 128 more than the signal's number where that ended it, as in a shell. Whoever has not read to the
  // end makes it fail.
  Result<int> wait();

 private:
  Process() = default;
  Result<> spawn(std::vector<std::string>& words, int input, int output, Complaints complaints);

  UniqueFd output_;
  pid_t id_ = 0;
};

}  // namespace bpfgate
