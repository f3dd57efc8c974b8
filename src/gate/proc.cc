// SPDX-License-Identifier: MIT
#include "gate/proc.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <charconv>
#include <system_error>

#include "base/io.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

// Locks come before the ids in fdinfo, a line for each, and a process may have many: what is longer still is an error,
// not a descriptor of nothing.
constexpr size_t max_fdinfo = size_t{8} << 20;

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

Result<std::vector<fs::path>> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  if (error) return fail_errno("list " + directory.string(), error.value());
  return entries;
}

Result<std::vector<fs::path>> threads_in(const fs::path& process) {
  TRY(check_is_proc(process / "task"));
  return entries_of(process / "task");
}

Result<std::vector<Descriptor>> descriptors_in(const fs::path& thread) {
  std::vector<Descriptor> descriptors;
  TRY(check_is_proc(thread / "fd"));
  TRY(check_is_proc(thread / "fdinfo"));
  TRY_ASSIGN(std::vector<fs::path> entries, entries_of(thread / "fd"));
  for (const fs::path& entry : entries) {
    TRY_ASSIGN(std::optional<std::string> target, read_link(entry));
    if (target) descriptors.push_back({thread, entry.filename(), *target});
  }
  return descriptors;
}

template <class Element>
Result<std::vector<Element>> none_if_gone(Result<std::vector<Element>> list, const fs::path& process) {
  if (!list && has_gone(list.error(), process)) return std::vector<Element>();
  return list;
}

}  // namespace

bool has_gone(const Error& error) { return error.code == ENOENT || error.code == ESRCH || error.code == EBADF; }

bool has_gone(const Error& error, const fs::path& process) {
  if (has_gone(error)) return true;
  return error.code == EACCES && ::access(process.c_str(), F_OK) != 0 && (errno == ENOENT || errno == ESRCH);
}

int pid_of(const std::string& name) {
  int pid = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && end == name.data() + name.size() && pid > 0 ? pid : 0;
}

std::string executable_of(const fs::path& process) {
  auto target = read_link(process / "exe");
  return target ? target->value_or("") : "";
}

Result<std::optional<std::string>> read_link(const fs::path& path) {
  std::error_code error;
  fs::path target = fs::read_symlink(path, error);
  if (!error) return target.string();
  Failure failure = fail_errno("read " + path.string(), error.value());
  if (has_gone(failure.error())) return std::nullopt;
  return failure;
}

Result<std::vector<fs::path>> other_processes() {
  TRY_ASSIGN(std::vector<fs::path> entries, entries_of("/proc"));
  std::erase_if(entries, [](const fs::path& entry) {
    int pid = pid_of(entry.filename());
    return pid == 0 || pid == ::getpid();
  });
  return entries;
}

Result<std::optional<std::string>> read_fdinfo(const fs::path& thread, const std::string& number) {
  auto text = read_text_file(thread / "fdinfo" / number, max_fdinfo);
  if (text) return std::move(*text);
  if (has_gone(text.error())) return std::nullopt;
  return std::unexpected(std::move(text).error());
}

Result<Counted> count_descriptors(const fs::path& process, const Counts& counts) {
  Counted most;
  TRY_ASSIGN(std::vector<fs::path> threads, none_if_gone(threads_in(process), process));
  for (const fs::path& thread : threads) {
    TRY_ASSIGN(std::vector<Descriptor> descriptors, none_if_gone(descriptors_in(thread), thread));
    unsigned count = 0;
    for (const Descriptor& descriptor : descriptors) {
      TRY_ASSIGN(bool is_one, counts(descriptor));
      count += is_one ? 1 : 0;
    }
    if (count > most.count) most = {count, thread};
  }
  return most;
}

}  // namespace bpfgate::gate
