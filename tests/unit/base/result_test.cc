// SPDX-License-Identifier: MIT
#include "base/result.h"

#include <catch2/catch_test_macros.hpp>
#include <memory>

using namespace bpfgate;

namespace {

Result<std::unique_ptr<int>> make(bool good) {
  if (!good) return fail(ErrorKind::Key, "no good", "be good");
  return std::make_unique<int>(7);
}

Result<int> value_of(bool good) {
  TRY_ASSIGN(std::unique_ptr<int> value, make(good));
  return *value;
}

Result<> check_all(bool first, bool second, int& reached) {
  TRY(make(first));
  ++reached;
  TRY(make(second));
  ++reached;
  return {};
}

}  // namespace

TEST_CASE("TRY_ASSIGN binds a move-only value or passes the whole error on") {
  CHECK(value_of(true).value() == 7);
  Result<int> failed = value_of(false);
  REQUIRE_FALSE(failed);
  CHECK(failed.error().kind == ErrorKind::Key);
  CHECK(failed.error().message == "no good");
  CHECK(failed.error().remedy == "be good");
  CHECK(failed.error().code == 0);
}

TEST_CASE("TRY stops at the first error") {
  int reached = 0;
  CHECK_FALSE(check_all(false, true, reached));
  CHECK(reached == 0);
  CHECK_FALSE(check_all(true, false, reached));
  CHECK(reached == 1);
  CHECK(check_all(true, true, reached));
  CHECK(reached == 3);
}

TEST_CASE("errno becomes a message and a code") {
  errno = ENOENT;
  Failure failure = fail_errno("open x");
  CHECK(failure.error().code == ENOENT);
  CHECK(failure.error().message == "open x: No such file or directory");
  CHECK(fail_errno("y", EIO).error().code == EIO);
}

TEST_CASE("context goes in front of the message and changes nothing else") {
  Error error = Error{ErrorKind::Unsupported, "no", "do", 5}.within("load x");
  CHECK(error.message == "load x: no");
  CHECK(error.remedy == "do");
  CHECK(error.kind == ErrorKind::Unsupported);
  CHECK(error.code == 5);
}
