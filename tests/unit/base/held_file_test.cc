// SPDX-License-Identifier: MIT
#include "base/held_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>
#include <csignal>
#include <fstream>

#include "base/io.h"
#include "temporary_directory.h"

using namespace bpfgate;
using test::TemporaryDirectory;

namespace {

// While it lasts no file can be written beyond so many bytes: as where a disk has no more room.
class Room {
 public:
  explicit Room(rlim_t bytes) : handler_(::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit now = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    ::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_ = {};
  sighandler_t handler_;
};

std::string content_of(const HeldFile& file) { return read_text_file(file.path(), 1 << 20).value(); }

// Writes over the first bytes, and puts the time of the last write back.
void change(const std::filesystem::path& path, std::string_view content) {
  const auto before = std::filesystem::last_write_time(path);
  std::fstream(path, std::ios::in | std::ios::out | std::ios::binary) << content;
  std::filesystem::last_write_time(path, before);
}

bool is_same_file(const HeldFile& file, const std::filesystem::path& path) {
  struct stat held = {};
  struct stat named = {};
  return ::fstat(file.fd(), &held) == 0 && ::stat(path.c_str(), &named) == 0 && held.st_ino == named.st_ino;
}

}  // namespace

TEST_CASE("another file of the same name is not the one that is held") {
  TemporaryDirectory directory;
  const auto path = directory.file("file", "first");
  const HeldFile held = HeldFile::open(path).value();
  std::filesystem::rename(directory.file("other", "second"), path);
  CHECK(content_of(held) == "first");
  CHECK(held.name() == path.string());
  CHECK(held.size() == 5);
}

TEST_CASE("what is written to the file is seen, whatever its times say") {
  TemporaryDirectory directory;
  const auto path = directory.file("file", "first");
  const HeldFile held = HeldFile::open_private(path).value();
  CHECK(held.check_unchanged());
  ::usleep(20000);  // longer than the clock of file systems takes for a tick
  change(path, "2");
  auto unchanged = held.check_unchanged();
  REQUIRE_FALSE(unchanged);
  CHECK(unchanged.error().message == path.string() + " was changed while it was read");
}

TEST_CASE("a file that nobody else may write to is not copied") {
  TemporaryDirectory directory;
  const auto path = directory.file("file", "first");
  for (mode_t mode : {0600, 0644, 0400, 0755}) {
    REQUIRE(::chmod(path.c_str(), mode) == 0);
    CHECK(is_same_file(HeldFile::open_private(path).value(), path));
  }
}

TEST_CASE(
    "of a file that others may write to there is a copy, which they cannot change and which goes with the object") {
  TemporaryDirectory directory;
  const auto path = directory.file("file", "first");
  REQUIRE(::truncate(path.c_str(), 1 << 20) == 0);
  SECTION("everybody may") { REQUIRE(::chmod(path.c_str(), 0646) == 0); }
  SECTION("the group may") { REQUIRE(::chmod(path.c_str(), 0660) == 0); }
  SECTION("its owner is somebody else") {
    if (::geteuid() != 0 || ::chown(path.c_str(), 12345, 0) != 0) REQUIRE(::chmod(path.c_str(), 0646) == 0);
  }
  const HeldFile held = HeldFile::open_private(path).value();
  CHECK_FALSE(is_same_file(held, path));
  change(path, "FIRST");
  CHECK(held.check_unchanged());
  CHECK(held.name() == path.string());
  CHECK(held.size() == 1 << 20);
  const std::string content = content_of(held);
  CHECK(content.size() == 1 << 20);
  CHECK(content.starts_with("first"));
  struct stat status = {};
  REQUIRE(::fstat(held.fd(), &status) == 0);
  CHECK(status.st_nlink == 0);
}

TEST_CASE("where there is no room for a copy, nothing is held") {
  TemporaryDirectory directory;
  const auto path = directory.file("file", "first");
  REQUIRE(::chmod(path.c_str(), 0666) == 0);
  const Room room(4);
  auto held = HeldFile::open_private(path);
  REQUIRE_FALSE(held);
  CHECK(held.error().message.starts_with(path.string() + ": others may write to it"));
  CHECK(held.error().remedy == "let nobody else write to it (chmod go-w), or make room for it in /var/tmp");
  CHECK(HeldFile::open(path));
}

TEST_CASE("what is no file is refused, and nobody waits for it") {
  TemporaryDirectory directory;
  const std::string fifo = (directory.path() / "fifo").string();
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  for (const std::string& name : {fifo, directory.path().string(), std::string("/dev/null")}) {
    INFO(name);
    auto held = HeldFile::open(name);
    REQUIRE_FALSE(held);
    CHECK(held.error().kind == ErrorKind::Invalid);
    CHECK(held.error().message == name + " is no regular file and no block device");
    CHECK_FALSE(HeldFile::open_private(name));
  }
  CHECK(HeldFile::open(directory.path() / "none").error().code == ENOENT);
}
