// SPDX-License-Identifier: MIT
// What has gone is none; what cannot be read is not.
#include "gate/proc.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <latch>
#include <thread>

#include "base/io.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::gate;
namespace fs = std::filesystem;

namespace {

auto counting(const std::string& target) {
  return [target](const Descriptor& descriptor) -> Result<bool> { return descriptor.target == target; };
}

// The number of a process that was there.
int gone_process() {
  int pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  return pid;
}

}  // namespace

TEST_CASE("of a process only numbers are names") {
  CHECK(pid_of("1") == 1);
  for (const char* name : {"", "0", "-1", "self", "1a", "99999999999"}) CHECK(pid_of(name) == 0);
}

TEST_CASE("a link that is gone is none, and what is no link is an error") {
  test::TemporaryDirectory directory;
  CHECK(read_link("/proc/self/exe").value().has_value());
  CHECK(read_link(directory.path() / "absent").value() == std::nullopt);
  auto failed = read_link(directory.file("file", ""));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().code == EINVAL);
  CHECK(executable_of("/proc/self").find("test-gate") != std::string::npos);
  CHECK(executable_of(directory.path()).empty());
}

TEST_CASE("fdinfo that is gone is none, and what cannot be read is an error") {
  test::TemporaryDirectory thread;
  fs::create_directories(thread.path() / "fdinfo" / "3");
  CHECK(read_fdinfo(thread.path(), "4").value() == std::nullopt);
  CHECK(read_fdinfo(thread.path(), "3").error().code == EISDIR);
}

TEST_CASE("many locks hide no id") {
  test::TemporaryDirectory thread;
  fs::create_directories(thread.path() / "fdinfo");
  std::string locks;
  while (locks.size() < 1 << 20) locks += "lock:\t1: POSIX  ADVISORY  WRITE 4711 00:0e:1 0 0\n";
  (void)thread.file("fdinfo/3", locks + "map_id:\t12\n");
  CHECK(read_fdinfo(thread.path(), "3").value()->ends_with("map_id:\t12\n"));
  // Beyond every limit it is not taken for one that was closed.
  while (locks.size() < 16 << 20) locks += locks;
  (void)thread.file("fdinfo/3", locks + "map_id:\t12\n");
  CHECK(read_fdinfo(thread.path(), "3").error().kind == ErrorKind::Invalid);
}

TEST_CASE("a descriptor counts in whichever thread has it") {
  test::TemporaryDirectory directory;
  std::string file = directory.file("held", "");
  CHECK(count_descriptors("/proc/self", counting(file)).value().count == 0);
  std::latch is_open(1);
  std::latch is_counted(1);
  fs::path own;
  std::thread thread([&] {
    REQUIRE(::unshare(CLONE_FILES) == 0);
    UniqueFd fd = open_file(file, O_RDONLY).value();
    own = "/proc/self/task/" + std::to_string(::gettid());
    is_open.count_down();
    is_counted.wait();
  });
  is_open.wait();
  auto counted = count_descriptors("/proc/self", counting(file));
  is_counted.count_down();
  thread.join();
  REQUIRE(counted);
  CHECK(counted->count == 1);
  CHECK(counted->thread == own);
}

TEST_CASE("a process that has gone has nothing") {
  fs::path process = "/proc/" + std::to_string(gone_process());
  CHECK(count_descriptors(process, counting("")).value().count == 0);
  CHECK(has_gone(fail_errno("x", EACCES).error(), process));
  CHECK_FALSE(has_gone(fail_errno("x", EACCES).error(), "/proc/self"));
  CHECK(has_gone(fail_errno("x", EBADF).error()));
  CHECK_FALSE(has_gone(fail_errno("x", EIO).error(), process));
}

TEST_CASE("trouble with a descriptor is not overlooked") {
  // Whatever it is: that of a map which is looked into is not the descriptor's.
  for (int code : {EIO, ENOENT, EBADF}) {
    auto failing = [code](const Descriptor&) -> Result<bool> { return fail_errno("x", code); };
    CHECK(count_descriptors("/proc/self", failing).error().code == code);
  }
}

TEST_CASE("what only looks like a process is refused") {
  test::TemporaryDirectory directory;
  fs::create_directories(directory.path() / "task" / "1" / "fd");
  CHECK(count_descriptors(directory.path(), counting("")).error().kind == ErrorKind::Refused);
}

TEST_CASE("of all processes this one is left out") {
  int pid = ::fork();
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  auto processes = other_processes();
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  REQUIRE(processes);
  CHECK(std::ranges::count(*processes, fs::path("/proc/" + std::to_string(pid))) == 1);
  CHECK(std::ranges::count(*processes, fs::path("/proc/" + std::to_string(::getpid()))) == 0);
}
