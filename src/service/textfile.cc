// SPDX-License-Identifier: MIT
#include "service/textfile.h"

#include "base/io.h"
#include "service/journal.h"

namespace bpfgate::service {
namespace {

namespace fs = std::filesystem;

void remove_if_there(const fs::path& path) {
  std::error_code ignored;
  fs::remove(path, ignored);
}

}  // namespace

Textfile::~Textfile() { remove_if_there(path_); }

void Textfile::write(const Result<std::string>& text) {
  Result<> done = text ? write_file_atomically(path_, as_bytes(*text)) : Result<>(Failure(text.error()));
  if (!done) {
    remove_if_there(path_);
    if (!has_failed_) log(Notice::MetricsLost, "no metrics in " + path_.string() + ": " + done.error().message);
  }
  has_failed_ = !done;
}

}  // namespace bpfgate::service
