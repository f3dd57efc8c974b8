// SPDX-License-Identifier: MIT
#include "gate/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <algorithm>
#include <system_error>

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

Result<> remove_directory_with_entries(const fs::path& directory) {
  for (const fs::path& entry : entries_of(directory)) {
    if (::unlink(entry.c_str()) != 0 && errno != ENOENT) return fail_errno("unlink " + entry.string());
  }
  if (::rmdir(directory.c_str()) != 0 && errno != ENOENT) return fail_errno("rmdir " + directory.string());
  return {};
}

}  // namespace

fs::path link_path(const fs::path& pin_directory, const std::string& program) {
  return pin_directory / "links" / program;
}

fs::path map_path(const fs::path& pin_directory, const std::string& map) { return pin_directory / "maps" / map; }

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

Result<> remove_link_pins(const fs::path& pin_directory) {
  return remove_directory_with_entries(pin_directory / "links");
}

Result<> remove_pins(const fs::path& pin_directory) {
  TRY(remove_link_pins(pin_directory));
  TRY(remove_directory_with_entries(pin_directory / "maps"));
  return remove_directory_with_entries(pin_directory);
}

Result<UniqueFd> open_map(const fs::path& pin_directory, const std::string& map) {
  fs::path path = map_path(pin_directory, map);
  UniqueFd fd(bpf_obj_get(path.c_str()));
  if (fd) return fd;
  if (errno == EPERM)
    return fail(ErrorKind::Refused, "the gate does not let this program open " + path.string(),
                "Sign and seal bpfgate itself, and grant its signer the commands it needs.");
  return fail_errno("open " + path.string());
}

Result<UniqueFd> lock_pins() {
  UniqueFd fd(::open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(lock_file);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return fail(ErrorKind::Failed, "another bpfgate is changing the gate (" + std::string(lock_file) + ")",
              "Wait until it has finished.");
}

}  // namespace bpfgate::gate
