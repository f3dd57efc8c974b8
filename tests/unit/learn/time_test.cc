// SPDX-License-Identifier: MIT
#include "learn/time.h"

#include <catch2/catch_test_macros.hpp>

using namespace bpfgate;
using namespace bpfgate::learn;
using namespace std::chrono_literals;

namespace {
Time at(int64_t seconds) { return Time(std::chrono::seconds(seconds)); }
}  // namespace

TEST_CASE("points in time") {
  CHECK(time_from("1970-01-02T00:00:00Z", {}).value() == at(86400));
  CHECK(time_from("2026-03-01T12:00:00Z", {}).value() == at(1772366400));
  CHECK(time_from("2026-03-01 12:00:00z", {}).value() == at(1772366400));
  CHECK(time_from("2026-03-01T14:00:00+02:00", {}).value() == at(1772366400));
  CHECK(time_from("2026-03-01T11:30:00-00:30", {}).value() == at(1772366400));
  CHECK(time_from("2026-03-01T12:00:00.25Z", {}).value() == at(1772366400) + 250ms);
  CHECK(time_from("2026-03-01T12:00:00.123456789Z", {}).value() == at(1772366400) + 123456us);
}

TEST_CASE("how long ago") {
  CHECK(time_from("-90s", at(1000)).value() == at(910));
  CHECK(time_from("-15min", at(1000)).value() == at(100));
  CHECK(time_from("-1h", at(3600)).value() == at(0));
  CHECK(time_from("-2d", at(200000)).value() == at(27200));
  CHECK(time_from("-1w", at(604800)).value() == at(0));
}

TEST_CASE("what is no time") {
  for (const char* text : {"",
                           "-",
                           "yesterday",
                           "-1",
                           "-h",
                           "-1m",
                           "--1h",
                           "-1.5h",
                           "-99999999999999999999h",
                           "-9999999999w",
                           "2026-03-01",
                           "2026-03-01T12:00:00",
                           "2026-03-01T12:00:00.Z",
                           "2026-03-01T12:00:00+2:00",
                           "2026-03-01T12:00:00+24:00",
                           "2026-13-01T12:00:00Z",
                           "2026-3-01T12:00:00Z",
                           "2026-03-01T25:00:00Z",
                           "9999-03-01T12:00:00Z",
                           "1066-03-01T12:00:00Z",
                           "1970-01-01T00:00:00+01:00",
                           "2026-03-01T12:00:00Z "}) {
    INFO(text);
    CHECK(time_from(text, {}).error().kind == ErrorKind::Usage);
  }
}
