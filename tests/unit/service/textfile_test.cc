// SPDX-License-Identifier: MIT
// The file says what is true or is not there.
#include "service/textfile.h"

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "temporary_directory.h"

using namespace bpfgate;
using service::Textfile;

namespace fs = std::filesystem;

TEST_CASE("a text is there for all to read, and its predecessor and every temporary gone") {
  test::TemporaryDirectory directory;
  fs::path path = directory.path() / "metrics.prom";
  Textfile file(path);
  file.write("old\n");
  file.write("new\n");
  CHECK(*service::read_textfile(path) == "new\n");
  CHECK((fs::status(path).permissions() & fs::perms::others_read) != fs::perms::none);
  CHECK(std::distance(fs::directory_iterator(directory.path()), {}) == 1);
}

TEST_CASE("what cannot be read any more is not left to look true") {
  test::TemporaryDirectory directory;
  fs::path path = directory.path() / "metrics.prom";
  Textfile file(path);
  file.write("text\n");
  file.write(fail(ErrorKind::Refused, "no"));
  CHECK_FALSE(fs::exists(path));
  file.write("text\n");
  CHECK(fs::exists(path));
}

TEST_CASE("the file goes with its writer") {
  test::TemporaryDirectory directory;
  fs::path path = directory.path() / "metrics.prom";
  {
    Textfile file(path);
    file.write("text\n");
    REQUIRE(fs::exists(path));
  }
  CHECK_FALSE(fs::exists(path));
}

TEST_CASE("a directory that is not there stops nobody") {
  Textfile file("/nonexistent/metrics.prom");
  file.write("text\n");
  CHECK_FALSE(service::read_textfile("/nonexistent/metrics.prom"));
}

TEST_CASE("a text of more than a minute ago is none") {
  test::TemporaryDirectory directory;
  fs::path path = directory.path() / "metrics.prom";
  Textfile file(path);
  file.write("text\n");
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(50));
  CHECK(service::read_textfile(path));
  fs::last_write_time(path, fs::file_time_type::clock::now() - std::chrono::seconds(70));
  CHECK_FALSE(service::read_textfile(path));
}
