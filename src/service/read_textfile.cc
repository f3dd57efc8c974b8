// SPDX-License-Identifier: MIT
#include <chrono>

#include "base/io.h"
#include "service/textfile.h"

namespace bpfgate::service {
namespace {

constexpr size_t max_size = size_t{1} << 20;
constexpr auto max_age = std::chrono::minutes(1);

}  // namespace

Result<std::string> read_textfile(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::file_time_type written = std::filesystem::last_write_time(path, error);
  if (error) return fail_errno(path.string(), error.value());
  if (std::filesystem::file_time_type::clock::now() - written > max_age)
    return fail(ErrorKind::Failed, path.string() + " is older than a minute", "Is bpfgated running?");
  return read_text_file(path, max_size);
}

}  // namespace bpfgate::service
