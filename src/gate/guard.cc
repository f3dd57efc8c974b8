// SPDX-License-Identifier: MIT
#include "gate/guard.h"

#include <bpf/bpf.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>
#include <cstring>
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

gate_object inode_of(const struct statx& info) {
  return {GATE_OBJECT_INODE, kernel_device(info.stx_dev_major, info.stx_dev_minor), info.stx_ino};
}

Result<> append_inode(const fs::path& path, std::vector<Guarded>& objects) {
  TRY_ASSIGN(struct statx info, describe(path));
  objects.push_back({inode_of(info), GATE_FOR_ADMINISTRATORS});
  return {};
}

// The directory below a mount point, seen through a copy of the mount it belongs to: removed in another mount
// namespace, it would take along what is mounted on it here.
Result<struct statx> describe_below_mount(const fs::path& mount_point) {
  UniqueFd copy(
      static_cast<int>(::open_tree(AT_FDCWD, mount_point.parent_path().c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
  if (!copy) return fail_errno("copy the mount of " + mount_point.parent_path().string());
  struct statx info = {};
  if (::statx(copy.get(), mount_point.filename().c_str(), AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &info) != 0)
    return fail_errno("look below " + mount_point.string());
  return info;
}

// Every mount on the way down begins where the mount id changes.
Result<> append_mount_points(fs::path path, const fs::path& new_root, std::vector<Guarded>& objects) {
  TRY_ASSIGN(struct statx root, describe("/"));
  for (; path != path.parent_path(); path = path.parent_path()) {
    TRY_ASSIGN(struct statx own, describe(path));
    TRY_ASSIGN(struct statx above, describe(path.parent_path()));
    if (own.stx_mnt_id == above.stx_mnt_id) continue;
    const bool moves = !new_root.empty() && above.stx_mnt_id == root.stx_mnt_id;
    Result<struct statx> below = moves ? describe(new_root / path.relative_path()) : describe_below_mount(path);
    // Made by the service manager then. A gate without this guard is more than none.
    if (moves && !below && below.error().code == ENOENT) continue;
    if (!below) return std::unexpected(std::move(below).error());
    objects.push_back({inode_of(*below), GATE_FOR_ADMINISTRATORS});
  }
  return {};
}

Result<> append_namespace(const char* link, uint32_t whose, std::vector<Guarded>& objects) {
  struct stat status = {};
  if (::stat(link, &status) != 0) return fail_errno(link);
  objects.push_back({{GATE_OBJECT_MOUNT_NAMESPACE, whose, status.st_ino}, GATE_FOR_ADMINISTRATORS});
  return {};
}

// The host's mount namespace is process 1's, and lasts; this program's own is another where somebody wants it so.
Result<> append_namespaces(std::vector<Guarded>& objects) {
  TRY(append_namespace("/proc/1/ns/mnt", GATE_NAMESPACE_OF_PROCESS_1, objects));
  return append_namespace("/proc/self/ns/mnt", GATE_NAMESPACE_OF_LOADER, objects);
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

}  // namespace

Result<> append_map(int map, uint32_t reach, std::vector<Guarded>& objects) {
  TRY_ASSIGN(bpf_map_info info, info_of<bpf_map_info>(map, "a map"));
  objects.push_back({{GATE_OBJECT_MAP, 0, info.id}, reach});
  return {};
}

Result<> append_program(int program, std::vector<Guarded>& objects) {
  TRY_ASSIGN(bpf_prog_info info, info_of<bpf_prog_info>(program, "a program"));
  objects.push_back({{GATE_OBJECT_PROGRAM, 0, info.id}, GATE_FOR_ADMINISTRATORS});
  return {};
}

Result<> append_link(int link, std::vector<Guarded>& objects) {
  TRY_ASSIGN(bpf_link_info info, info_of<bpf_link_info>(link, "a link"));
  objects.push_back({{GATE_OBJECT_LINK, 0, info.id}, GATE_FOR_ADMINISTRATORS});
  return {};
}

Result<> append_pins(const fs::path& pin_directory, const fs::path& new_root, std::vector<Guarded>& objects) {
  TRY(append_inode(pin_directory, objects));
  std::error_code error;
  for (fs::recursive_directory_iterator it(pin_directory, error), end; !error && it != end; it.increment(error))
    TRY(append_inode(it->path(), objects));
  if (error) return fail(ErrorKind::Failed, "list " + pin_directory.string() + ": " + error.message());
  objects.push_back({{GATE_OBJECT_FILE_SYSTEM, objects.back().object.device, 0}, GATE_FOR_ADMINISTRATORS});
  TRY(append_namespaces(objects));
  return append_mount_points(pin_directory, new_root, objects);
}

Result<> write_guarded(int map, const std::vector<Guarded>& objects) {
  for (const Guarded& guarded : objects) {
    if (bpf_map_update_elem(map, &guarded.object, &guarded.reach, BPF_ANY) != 0) return fail_errno("write map guarded");
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

Result<bool> is_empty(int map) {
  gate_object first = {};
  if (bpf_map_get_next_key(map, nullptr, &first) == 0) return false;
  if (errno != ENOENT) return fail_errno("walk map guarded");
  return true;
}

Result<> attach_sysctl(int program) {
  TRY_ASSIGN(UniqueFd cgroup, open_root_cgroup());
  if (bpf_prog_attach(program, cgroup.get(), BPF_CGROUP_SYSCTL, BPF_F_ALLOW_MULTI) != 0)
    return fail_errno("attach guard_sysctl to the root cgroup");
  return {};
}

Result<std::vector<uint32_t>> attached_sysctl(int guarded) {
  TRY_ASSIGN(UniqueFd cgroup, open_root_cgroup());
  TRY_ASSIGN(std::vector<uint32_t> ids, sysctl_programs(cgroup.get()));
  std::vector<uint32_t> own;
  for (uint32_t id : ids) {
    TRY_ASSIGN(bool is_own, is_guarded(guarded, {GATE_OBJECT_PROGRAM, 0, id}));
    if (is_own) own.push_back(id);
  }
  return own;
}

Result<> detach_sysctl(const std::vector<uint32_t>& programs) {
  TRY_ASSIGN(UniqueFd cgroup, open_root_cgroup());
  for (uint32_t id : programs) {
    UniqueFd program(bpf_prog_get_fd_by_id(id));
    if (!program && errno == ENOENT) continue;  // gone
    if (!program || bpf_prog_detach2(program.get(), cgroup.get(), BPF_CGROUP_SYSCTL) != 0)
      return fail_errno("detach guard_sysctl");
  }
  return {};
}

}  // namespace bpfgate::gate
