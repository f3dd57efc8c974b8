// SPDX-License-Identifier: MIT
#include "gate/pins.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <mntent.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <system_error>
#include <thread>

#include "base/directory.h"
#include "base/io.h"
#include "gate/links.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr const char* lock_file = "/run/bpfgate.lock";

// What is not crossed on the way: neither a mount, a bind mount of another gate's pins among them, nor a symbolic link.
Result<UniqueFd> open_below(int directory, const char* name, const fs::path& path) {
  open_how how = {};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, directory, name, &how, sizeof(how))));
  if (fd || errno == ENOENT) return fd;
  if (errno != EXDEV && errno != ELOOP) return fail_errno("open " + (path / name).string());
  return fail(ErrorKind::Refused, (path / name).string() + " is a mount point or a link, not a gate's directory",
              "Name the directory that the gate was loaded into.");
}

Result<std::vector<std::string>> names_of(int directory) {
  UniqueFd copy(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return fail_errno("list the pins");
  return names_in(std::move(copy), "list the pins");
}

constexpr const char* become_administrator = "Sign and seal bpfgate itself, and give its signer the grant \"admin\".";

// What needs no privilege that root lacks is refused by the guard: objects as if they were not there.
Failure refusal_or_errno(const std::string& what, const fs::path& path) {
  bool is_hidden = errno == ENOENT && is_there(path);
  if (errno != EPERM && !is_hidden) return fail_errno(what + " " + path.string());
  return fail(ErrorKind::Refused, "the gate does not let this program " + what + " " + path.string(),
              become_administrator);
}

Result<UniqueFd> open_pin(int directory, const std::string& name, const fs::path& path) {
  struct bpf_obj_get_opts options = {};
  options.sz = sizeof(options);
  options.file_flags = BPF_F_PATH_FD;
  options.path_fd = directory;
  UniqueFd fd(bpf_obj_get_opts(name.c_str(), &options));
  if (fd) return fd;
  return refusal_or_errno("open", path);
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
  for (const fs::path& directory : {pin_directory, pin_directory / "links"}) {
    if (::mkdir(directory.c_str(), 0700) != 0) return fail_errno("mkdir " + directory.string());
  }
  return {};
}

Result<std::optional<PinDirectory>> PinDirectory::open(const fs::path& pin_directory) {
  UniqueFd top(::open(pin_directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top && errno == ENOENT) return std::nullopt;
  if (!top) return fail_errno("open " + pin_directory.string());
  TRY_ASSIGN(UniqueFd links, open_below(top.get(), "links", pin_directory));
  return PinDirectory(pin_directory, std::move(top), std::move(links));
}

Result<std::vector<std::string>> PinDirectory::names() const {
  if (!links_) return std::vector<std::string>();
  return names_of(links_.get());
}

Result<UniqueFd> PinDirectory::open_link(const std::string& program) const {
  return open_pin(links_.get(), program, link_path(path_, program));
}

Result<UniqueFd> PinDirectory::open_program(const std::string& program) const {
  return open_pin(top_.get(), program, path_ / program);
}

Result<std::vector<uint32_t>> PinDirectory::programs() const {
  std::vector<uint32_t> ids;
  TRY_ASSIGN(std::vector<std::string> all, names());
  for (const std::string& name : all) {
    TRY_ASSIGN(UniqueFd link, open_link(name));
    bpf_link_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return fail_errno("describe link " + name);
    ids.push_back(info.prog_id);
  }
  return ids;
}

Result<> PinDirectory::lock() const {
  if (::flock(top_.get(), LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return fail_errno("lock the gate");
  return fail(ErrorKind::Failed, "another program is changing the gate", "Wait until it has finished.");
}

// A directory is moved about by its path only: the last step goes by it, and what is not empty stays.
Result<> PinDirectory::remove() {
  TRY_ASSIGN(std::vector<std::string> all, names());
  if (auto anchor = std::find(all.begin(), all.end(), anchor_program); anchor != all.end())
    std::rotate(anchor, anchor + 1, all.end());
  for (const std::string& name : all) {
    if (::unlinkat(links_.get(), name.c_str(), 0) != 0 && errno != ENOENT)
      return refusal_or_errno("unlink", link_path(path_, name));
  }
  if (::unlinkat(top_.get(), marks_program, 0) != 0 && errno != ENOENT)
    return refusal_or_errno("unlink", path_ / marks_program);
  if (::unlinkat(top_.get(), "links", AT_REMOVEDIR) != 0 && errno != ENOENT)
    return refusal_or_errno("rmdir", path_ / "links");
  if (::rmdir(path_.c_str()) != 0 && errno != ENOENT) return refusal_or_errno("rmdir", path_);
  return {};
}

std::vector<std::string> pinned_links(const fs::path& pin_directory) {
  auto pins = PinDirectory::open(pin_directory);
  if (!pins || !*pins) return {};
  auto names = (*pins)->names();
  return names ? *std::move(names) : std::vector<std::string>();
}

Result<std::vector<uint32_t>> programs_present() {
  std::vector<uint32_t> ids;
  uint32_t id = 0;
  while (bpf_prog_get_next_id(id, &id) == 0) ids.push_back(id);
  if (errno != ENOENT) return fail_errno("list BPF programs");
  return ids;
}

Result<> wait_until_gone(const std::vector<uint32_t>& programs) {
  constexpr int attempts = 1500;
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

Result<UniqueFd> lock_pins() {
  UniqueFd fd(::open(lock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!fd) return fail_errno(lock_file);
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return fd;
  return fail(ErrorKind::Failed, "another bpfgate is changing the gate (" + std::string(lock_file) + ")",
              "Wait until it has finished.");
}

}  // namespace bpfgate::gate
