// SPDX-License-Identifier: MIT
#include "gate/guard.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <set>
#include <string>
#include <system_error>

#include "base/unique_fd.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

// As the kernel keeps device numbers inside (include/linux/kdev_t.h), unlike stat(2).
uint32_t kernel_device(uint32_t major, uint32_t minor) { return major << 20 | minor; }

// How every object of a kind is asked for its info.
template <class Info>
Result<Info> info_of(int fd, const char* what) {
  Info info = {};
  uint32_t size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd, &info, &size) != 0) return fail_errno(std::string("describe ") + what);
  return info;
}

Result<struct statx> describe(const fs::path& path) {
  struct statx info = {};
  if (::statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &info) != 0)
    return fail_errno("look at " + path.string());
  return info;
}

Result<> append_inode(const fs::path& path, std::vector<gate_object>& objects) {
  TRY_ASSIGN(struct statx info, describe(path));
  objects.push_back({GATE_OBJECT_INODE, kernel_device(info.stx_dev_major, info.stx_dev_minor), info.stx_ino});
  return {};
}

// Every mount on the way down is on the path.
Result<> append_mounts(fs::path path, std::vector<gate_object>& objects) {
  std::set<uint64_t> mounts;
  for (;; path = path.parent_path()) {
    TRY_ASSIGN(struct statx info, describe(path));
    mounts.insert(info.stx_mnt_id);
    if (path == path.parent_path()) break;
  }
  for (uint64_t mount : mounts) objects.push_back({GATE_OBJECT_MOUNT, 0, mount});
  return {};
}

// A mount of one's own, attached nowhere: neither whether nor where the host has mounted it matters.
Result<UniqueFd> open_root_cgroup() {
  UniqueFd context(::fsopen("cgroup2", FSOPEN_CLOEXEC));
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0)
    return fail_errno("open the cgroup hierarchy");
  UniqueFd mount(::fsmount(context.get(), FSMOUNT_CLOEXEC, 0));
  if (!mount) return fail_errno("mount the cgroup hierarchy");
  UniqueFd root(::openat(mount.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return fail_errno("open the root cgroup");
  return root;
}

Result<std::vector<uint32_t>> sysctl_programs(int cgroup) {
  std::vector<uint32_t> ids(64);  // BPF_CGROUP_MAX_PROGS
  auto count = static_cast<uint32_t>(ids.size());
  if (bpf_prog_query(cgroup, BPF_CGROUP_SYSCTL, 0, nullptr, ids.data(), &count) != 0)
    return fail_errno("list the sysctl programs of the root cgroup");
  ids.resize(count);
  return ids;
}

// Descriptors of those that are the gate's.
Result<std::vector<UniqueFd>> own_sysctl_programs(int cgroup) {
  TRY_ASSIGN(std::vector<uint32_t> ids, sysctl_programs(cgroup));
  std::vector<UniqueFd> own;
  for (uint32_t id : ids) {
    UniqueFd program(bpf_prog_get_fd_by_id(id));
    if (!program && errno == ENOENT) continue;  // gone since
    if (!program) return fail_errno("open program " + std::to_string(id));
    TRY_ASSIGN(bpf_prog_info info, info_of<bpf_prog_info>(program.get(), "a program"));
    if (std::strncmp(info.name, sysctl_program, sizeof(info.name)) == 0) own.push_back(std::move(program));
  }
  return own;
}

}  // namespace

Result<> append_map(int map, std::vector<gate_object>& objects) {
  TRY_ASSIGN(bpf_map_info info, info_of<bpf_map_info>(map, "a map"));
  objects.push_back({GATE_OBJECT_MAP, 0, info.id});
  return {};
}

Result<> append_program(int program, std::vector<gate_object>& objects) {
  TRY_ASSIGN(bpf_prog_info info, info_of<bpf_prog_info>(program, "a program"));
  objects.push_back({GATE_OBJECT_PROGRAM, 0, info.id});
  return {};
}

Result<> append_link(int link, std::vector<gate_object>& objects) {
  TRY_ASSIGN(bpf_link_info info, info_of<bpf_link_info>(link, "a link"));
  objects.push_back({GATE_OBJECT_LINK, 0, info.id});
  return {};
}

Result<> append_pins(const fs::path& pin_directory, std::vector<gate_object>& objects) {
  TRY(append_inode(pin_directory, objects));
  std::error_code error;
  for (fs::recursive_directory_iterator it(pin_directory, error), end; !error && it != end; it.increment(error))
    TRY(append_inode(it->path(), objects));
  if (error) return fail(ErrorKind::Failed, "list " + pin_directory.string() + ": " + error.message());
  objects.push_back({GATE_OBJECT_FILE_SYSTEM, objects.back().device, 0});
  return append_mounts(pin_directory, objects);
}

Result<> write_guarded(int map, const std::vector<gate_object>& objects) {
  uint32_t value = 1;
  for (const gate_object& object : objects) {
    if (bpf_map_update_elem(map, &object, &value, BPF_ANY) != 0) return fail_errno("write map guarded");
  }
  if (bpf_map_freeze(map) != 0) return fail_errno("freeze map guarded");
  return {};
}

Result<bool> is_guarded(int map, const gate_object& object) {
  uint32_t value = 0;
  if (bpf_map_lookup_elem(map, &object, &value) == 0) return true;
  if (errno != ENOENT) return fail_errno("read map guarded");
  return false;
}

Result<> attach_sysctl(int program) {
  TRY_ASSIGN(UniqueFd cgroup, open_root_cgroup());
  if (bpf_prog_attach(program, cgroup.get(), BPF_CGROUP_SYSCTL, BPF_F_ALLOW_MULTI) != 0)
    return fail_errno("attach guard_sysctl to the root cgroup");
  return {};
}

Result<> detach_sysctl() {
  TRY_ASSIGN(UniqueFd cgroup, open_root_cgroup());
  TRY_ASSIGN(std::vector<UniqueFd> programs, own_sysctl_programs(cgroup.get()));
  for (const UniqueFd& program : programs) {
    if (bpf_prog_detach2(program.get(), cgroup.get(), BPF_CGROUP_SYSCTL) != 0) return fail_errno("detach guard_sysctl");
  }
  return {};
}

Result<bool> is_sysctl_attached() {
  TRY_ASSIGN(UniqueFd cgroup, open_root_cgroup());
  TRY_ASSIGN(std::vector<UniqueFd> programs, own_sysctl_programs(cgroup.get()));
  return !programs.empty();
}

}  // namespace bpfgate::gate
