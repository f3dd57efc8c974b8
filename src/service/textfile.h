// SPDX-License-Identifier: MIT
// The metrics as a file, for node_exporter's textfile collector and for bpfgated-metrics.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace bpfgate::service {

// Below the directory that bpfgated.socket makes.
inline constexpr const char* default_metrics_file = "/run/bpfgate/metrics.prom";

// There while its text is true: taken away with its owner, and when there is nothing true to write. A predecessor that
// was killed leaves its file behind; that goes, too.
class Textfile {
 public:
  explicit Textfile(std::filesystem::path path) : path_(std::move(path)) {}
  Textfile(const Textfile&) = delete;
  Textfile& operator=(const Textfile&) = delete;
  ~Textfile();

  // Readers see the old text or the new one. A failure is told once, until writing succeeds again.
  void write(const Result<std::string>& text);

 private:
  std::filesystem::path path_;
  bool has_failed_ = false;
};

// For those who pass it on. One that nobody has written for a minute says nothing of the present: ErrorKind::Failed.
Result<std::string> read_textfile(const std::filesystem::path& path);

}  // namespace bpfgate::service
