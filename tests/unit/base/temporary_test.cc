// SPDX-License-Identifier: MIT
#include "base/temporary.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>

using namespace bpfgate;

TEST_CASE("a nameless file is in /var/tmp, whatever TMPDIR says, and gets no name") {
  ::setenv("TMPDIR", "/nonexistent", 1);
  const UniqueFd fd = make_nameless_file().value();
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  const std::filesystem::path place = std::filesystem::read_symlink(self).parent_path();
  CHECK(place == std::filesystem::canonical("/var/tmp"));
  struct stat status = {};
  REQUIRE(::fstat(fd.get(), &status) == 0);
  CHECK(S_ISREG(status.st_mode));
  CHECK((status.st_mode & 07777) == 0600);
  CHECK(status.st_nlink == 0);
  CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(::write(fd.get(), "content", 7) == 7);
  char back[8] = {};
  CHECK(::pread(fd.get(), back, sizeof back, 0) == 7);
  CHECK(std::string(back) == "content");
  const std::string name = place / ("bpfgate-test." + std::to_string(::getpid()));
  CHECK(::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) != 0);
  CHECK(::unlink(name.c_str()) != 0);
}
