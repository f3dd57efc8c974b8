// SPDX-License-Identifier: MIT
#include "gate/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <mntent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <system_error>
#include <thread>

#include "base/io.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_file = "/run/bpfgate.lock";

std::vector<fs::path> entries_of(const fs::path& directory) {
  std::vector<fs::path> entries;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error))
    entries.push_back(it->path());
  std::sort(entries.begin(), entries.end());
  return entries;
}

constexpr const char* become_administrator = "Sign and seal bpfgate itself, and give its signer the grant \"admin\".";

// What needs no privilege that root lacks is refused by the guard: objects as if they were not there.
Failure refusal_or_errno(const std::string& what, const fs::path& path) {
  bool is_hidden = errno == ENOENT && is_there(path);
  if (errno != EPERM && !is_hidden) return fail_errno(what + " " + path.string());
  return fail(ErrorKind::Refused, "the gate does not let this program " + what + " " + path.string(),
              become_administrator);
}

Result<std::vector<uint32_t>> programs_present() {
  std::vector<uint32_t> ids;
  uint32_t id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) ids.push_back(id);
  if (errno != ENOENT) return fail_errno("list programs");
  return ids;
}

Result<UniqueFd> open_pin(const fs::path& path) {
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (fd) return fd;
  return refusal_or_errno("open", path);
}

Result<> remove_directory_with_entries(const fs::path& directory) {
  for (const fs::path& entry : entries_of(directory)) {
    if (::unlink(entry.c_str()) != 0 && errno != ENOENT) return refusal_or_errno("unlink", entry);
  }
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) return refusal_or_errno("rmdir", directory);
  return {};
}

}  // namespace

bool is_there(const fs::path& path) {
  int error = errno;
  struct stat info = {};
  bool found = ::lstat(path.c_str(), &info) == 0;
  errno = error;
  return found;
}

fs::path link_path(const fs::path& pin_directory, const std::string& program) {
  return pin_directory / "links" / program;
}

fs::path map_path(const fs::path& pin_directory, const std::string& map) { return pin_directory / "maps" / map; }

fs::path find_pins(const fs::path& pin_directory) {
  if (is_there(pin_directory)) return pin_directory;
  std::unique_ptr<FILE, decltype(&::endmntent)> mounts(::setmntent("/proc/self/mounts", "re"), ::endmntent);
  if (!mounts) return pin_directory;
  while (const mntent* mount = ::getmntent(mounts.get())) {
    if (std::string_view(mount->mnt_type) != "bpf") continue;
    fs::path candidate = fs::path(mount->mnt_dir) / pin_directory.filename();
    if (is_there(candidate)) return candidate;
  }
  return pin_directory;
}

Result<> check_is_bpffs(const fs::path& directory) {
  struct statfs info = {};
  if (::statfs(directory.c_str(), &info) == 0 && info.f_type == BPF_FS_MAGIC) return {};
  return fail(ErrorKind::Unsupported, directory.string() + " is not a bpf file system",
              "Mount one: mount -t bpf bpf " + directory.string());
}

Result<> make_pin_directories(const fs::path& pin_directory) {
  for (const fs::path& directory : {pin_directory, pin_directory / "links", pin_directory / "maps"}) {
    if (::mkdir(directory.c_str(), 0700) != 0) return fail_errno("mkdir " + directory.string());
  }
  return {};
}

std::vector<std::string> pinned_links(const fs::path& pin_directory) {
  std::vector<std::string> names;
  for (const fs::path& entry : entries_of(pin_directory / "links")) names.push_back(entry.filename());
  return names;
}

Result<std::vector<uint32_t>> pinned_programs(const fs::path& pin_directory) {
  std::vector<uint32_t> ids;
  for (const std::string& name : pinned_links(pin_directory)) {
    TRY_ASSIGN(UniqueFd link, open_link(pin_directory, name));
    bpf_link_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return fail_errno("describe link " + name);
    ids.push_back(info.prog_id);
  }
  return ids;
}

Result<> wait_until_gone(const std::vector<uint32_t>& programs) {
  constexpr int attempts = 250;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    TRY_ASSIGN(std::vector<uint32_t> present, programs_present());
    bool is_gone = std::none_of(programs.begin(), programs.end(), [&](uint32_t id) {
      return std::find(present.begin(), present.end(), id) != present.end();
    });
    if (is_gone) return {};
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return fail(ErrorKind::Failed, "the pins are gone, but the gate is still attached: another process holds its links",
              "End that process: bpfgated, or whoever has descriptors named bpf_link in /proc/PID/fd.");
}

Result<> remove_link_pins(const fs::path& pin_directory) {
  return remove_directory_with_entries(pin_directory / "links");
}

Result<> remove_pins(const fs::path& pin_directory) {
  TRY(remove_link_pins(pin_directory));
  TRY(remove_directory_with_entries(pin_directory / "maps"));
  return remove_directory_with_entries(pin_directory);
}

Result<UniqueFd> open_map(const fs::path& pin_directory, const std::string& map) {
  return open_pin(map_path(pin_directory, map));
}

Result<UniqueFd> open_link(const fs::path& pin_directory, const std::string& program) {
  return open_pin(link_path(pin_directory, program));
}

Result<UniqueFd> lock_pins() {
  UniqueFd fd(::open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(lock_file);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return fail(ErrorKind::Failed, "another bpfgate is changing the gate (" + std::string(lock_file) + ")",
              "Wait until it has finished.");
}

}  // namespace bpfgate::gate
