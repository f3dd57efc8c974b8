// SPDX-License-Identifier: MIT
#include "gate/holders.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>
#include <system_error>

#include "base/io.h"
#include "gate/guard.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr size_t max_fdinfo = 65536;

std::string read_link(const fs::path& path) {
  std::error_code error;
  fs::path target = fs::read_symlink(path, error);
  return error ? std::string() : target.string();
}

// What /proc/PID/fdinfo/N says the descriptor is (bpf_map_show_fdinfo() and its like in kernel/bpf/syscall.c): lines of
// "map_id:\t12".
Result<std::vector<gate_object>> objects_in(const fs::path& fdinfo) {
  TRY_ASSIGN(std::string text, read_text_file(fdinfo, max_fdinfo));
  std::vector<gate_object> objects;
  std::istringstream words(text);
  std::string key;
  uint32_t id = 0;
  while (words >> key) {
    if (key == "map_id:" && words >> id) objects.push_back({GATE_OBJECT_MAP, 0, id});
    if (key == "prog_id:" && words >> id) objects.push_back({GATE_OBJECT_PROGRAM, 0, id});
  }
  return objects;
}

// Not something else that was mounted there, to hide what a process has.
Result<> check_is_proc(const fs::path& directory) {
  struct statfs info = {};
  struct statx own = {};
  struct statx proc = {};
  if (::statfs(directory.c_str(), &info) != 0 || ::statx(AT_FDCWD, directory.c_str(), 0, STATX_MNT_ID, &own) != 0 ||
      ::statx(AT_FDCWD, "/proc", 0, STATX_MNT_ID, &proc) != 0)
    return fail_errno("look at " + directory.string());
  if (info.f_type == PROC_SUPER_MAGIC && own.stx_mnt_id == proc.stx_mnt_id) return {};
  return fail(ErrorKind::Refused, directory.string() + " is not the kernel's: something else is mounted there",
              "Unmount it.");
}

// A link's fdinfo names its program, and the link is not the program.
bool is_map_or_program(const std::string& target) {
  return target == "anon_inode:bpf-map" || target == "anon_inode:bpf-prog";
}

Result<bool> is_guarded_descriptor(const fs::path& process, const std::string& descriptor, int guarded) {
  if (!is_map_or_program(read_link(process / "fd" / descriptor))) return false;
  auto objects = objects_in(process / "fdinfo" / descriptor);
  if (!objects) return false;  // closed since
  for (const gate_object& object : *objects) {
    TRY_ASSIGN(bool found, is_guarded(guarded, object));
    if (found) return true;
  }
  return false;
}

bool has_gone(const std::error_code& error) {
  return error == std::errc::no_such_file_or_directory || error == std::errc::no_such_process;
}

// Of one thread: each may have a table of its own.
Result<unsigned> count_guarded(const fs::path& thread, int guarded) {
  unsigned count = 0;
  std::error_code error;
  for (fs::directory_iterator it(thread / "fd", error), end; !error && it != end; it.increment(error)) {
    TRY_ASSIGN(bool found, is_guarded_descriptor(thread, it->path().filename(), guarded));
    count += found ? 1 : 0;
  }
  if (error && !has_gone(error)) return fail(ErrorKind::Failed, "list " + thread.string() + "/fd: " + error.message());
  return count;
}

Result<unsigned> count_in_threads(const fs::path& process, int guarded) {
  auto is_proc = check_is_proc(process);
  if (!is_proc && (is_proc.error().code == ENOENT || is_proc.error().code == ESRCH)) return 0U;
  if (!is_proc) return std::unexpected(std::move(is_proc).error());
  unsigned count = 0;
  std::error_code error;
  for (fs::directory_iterator it(process / "task", error), end; !error && it != end; it.increment(error)) {
    TRY_ASSIGN(unsigned found, count_guarded(it->path(), guarded));
    count = std::max(count, found);
  }
  if (error && !has_gone(error))
    return fail(ErrorKind::Failed, "list " + process.string() + "/task: " + error.message());
  return count;
}

}  // namespace

int pid_of(const std::string& name) {
  int pid = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && end == name.data() + name.size() && pid > 0 ? pid : 0;
}

Result<std::vector<Holder>> holders_of(int guarded) {
  std::vector<Holder> holders;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    int pid = pid_of(it->path().filename());
    if (pid == 0 || pid == ::getpid()) continue;
    TRY_ASSIGN(unsigned count, count_in_threads(it->path(), guarded));
    if (count != 0) holders.push_back({pid, read_link(it->path() / "exe"), count});
  }
  if (error) return fail(ErrorKind::Failed, "list /proc: " + error.message());
  return holders;
}

}  // namespace bpfgate::gate
