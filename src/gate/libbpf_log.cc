// SPDX-License-Identifier: MIT
#include "gate/libbpf_log.h"

#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>

namespace bpfgate::gate {
namespace {

// libbpf reports through a callback.
std::string first_warning;
bool is_verbose = false;

int on_libbpf_message(libbpf_print_level level, const char* format, va_list arguments) {
  if (is_verbose) return std::vfprintf(stderr, format, arguments);
  if (level != LIBBPF_WARN || !first_warning.empty()) return 0;
  char text[512];
  int length = std::vsnprintf(text, sizeof(text), format, arguments);
  first_warning.assign(text, static_cast<size_t>(std::clamp(length, 0, static_cast<int>(sizeof(text)) - 1)));
  while (!first_warning.empty() && first_warning.back() == '\n') first_warning.pop_back();
  return length;
}

}  // namespace

void watch_libbpf(bool verbose) {
  first_warning.clear();
  is_verbose = verbose;
  libbpf_set_print(on_libbpf_message);
}

Failure libbpf_failure(const std::string& what) {
  int code = errno;
  std::string reason = std::strerror(code);
  std::string detail = first_warning.empty() ? reason : first_warning;
  if (detail.find(reason) == std::string::npos) detail += ": " + reason;
  return Failure(
      Error{ErrorKind::Failed, what + ": " + detail, "Run it with --verbose to see the verifier's log.", code});
}

}  // namespace bpfgate::gate
