// SPDX-License-Identifier: MIT
// What failed, and why.
#include "gate/libbpf_log.h"

#include <bpf/libbpf.h>

#include <catch2/catch_test_macros.hpp>

using namespace bpfgate;
using namespace bpfgate::gate;

namespace {

std::string failure_with(int code) {
  errno = code;
  return libbpf_failure("load it").error().message;
}

size_t count(const std::string& text, const std::string& part) {
  size_t found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("without a warning errno says it all") {
  watch_libbpf(false);
  CHECK(failure_with(EPERM) == "load it: Operation not permitted");
}

TEST_CASE("a warning names what failed, and errno why, once") {
  watch_libbpf(false);
  REQUIRE(bpf_object__open_file("/nonexistent.o", nullptr) == nullptr);
  std::string same = failure_with(ENOENT);
  CHECK(same.find("/nonexistent.o") != std::string::npos);
  CHECK(count(same, "No such file or directory") == 1);
  std::string other = failure_with(E2BIG);
  CHECK(other.find("/nonexistent.o") != std::string::npos);
  CHECK(other.ends_with(": Argument list too long"));
  // Of an earlier attempt nothing is left.
  watch_libbpf(false);
  CHECK(failure_with(EPERM) == "load it: Operation not permitted");
}
