// SPDX-License-Identifier: MIT
#include "base/unique_fd.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <type_traits>

using bpfgate::UniqueFd;

namespace {

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) >= 0; }

UniqueFd open_null() {
  UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  REQUIRE(fd);
  return fd;
}

}  // namespace

static_assert(!std::is_copy_constructible_v<UniqueFd> && !std::is_copy_assignable_v<UniqueFd>);
static_assert(!std::is_convertible_v<UniqueFd, int> && !std::is_convertible_v<int, UniqueFd>);

TEST_CASE("a descriptor is closed with its owner") {
  int number;
  {
    UniqueFd fd = open_null();
    number = fd.get();
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("moving hands the descriptor over and closes what the target had") {
  UniqueFd from = open_null();
  UniqueFd to = open_null();
  int kept = from.get();
  int dropped = to.get();
  to = std::move(from);
  CHECK(to.get() == kept);
  CHECK(is_open(kept));
  CHECK_FALSE(is_open(dropped));
  UniqueFd third(std::move(to));
  CHECK(third.get() == kept);
  CHECK(is_open(kept));
}

TEST_CASE("a moved-from owner holds nothing") {
  UniqueFd from = open_null();
  UniqueFd to(std::move(from));
  CHECK_FALSE(from);  // NOLINT(bugprone-use-after-move): what this test is about
  CHECK(from.get() == -1);
}

TEST_CASE("moving onto itself keeps the descriptor") {
  UniqueFd fd = open_null();
  int number = fd.get();
  UniqueFd& same = fd;
  fd = std::move(same);
  CHECK(fd.get() == number);
  CHECK(is_open(number));
}

TEST_CASE("release gives ownership away, reset takes it") {
  UniqueFd fd = open_null();
  int number = fd.release();
  CHECK_FALSE(fd);
  CHECK(is_open(number));
  fd.reset(number);
  CHECK(fd.get() == number);
  fd.reset();
  CHECK_FALSE(is_open(number));
}

TEST_CASE("no descriptor is no descriptor, and 0 is one") {
  CHECK_FALSE(UniqueFd());
  UniqueFd zero(0);
  CHECK(zero);
  CHECK(zero.release() == 0);
}
