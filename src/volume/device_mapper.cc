// SPDX-License-Identifier: MIT
#include "volume/device_mapper.h"

#include <libdevmapper.h>

#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <memory>

namespace bpfgate::volume {
namespace {

struct Deleter {
  void operator()(dm_task* task) const { dm_task_destroy(task); }
};
using Task = std::unique_ptr<dm_task, Deleter>;

// Errors are told by their number; the library's own words would go to stderr.
void keep_silent(int /*level*/, const char* /*file*/, int /*line*/, int /*number*/, const char* /*format*/, ...) {}

Result<Task> make_task(int kind, const char* what) {
  dm_log_with_errno_init(keep_silent);
  Task task(dm_task_create(kind));
  if (task) return task;
  return fail(ErrorKind::Failed, std::string("device mapper: ") + what + ": cannot be asked",
              "Run it as root, with the module dm_mod loaded.");
}

Failure failure(const dm_task& task, const std::string& what) {
  // The task is not changed by the question.
  int code = dm_task_get_errno(const_cast<dm_task*>(&task));
  return fail_errno("device mapper: " + what, code != 0 ? code : EIO);
}

Result<Task> prepare(int kind, Device device, const char* what) {
  TRY_ASSIGN(Task task, make_task(kind, what));
  bool is_set = dm_task_set_major(task.get(), static_cast<int>(device.major)) != 0 &&
                dm_task_set_minor(task.get(), static_cast<int>(device.minor)) != 0 &&
                dm_task_skip_lockfs(task.get()) != 0 && dm_task_no_flush(task.get()) != 0;
  if (!is_set) return failure(*task, what);
  return task;
}

// Whoever is stopped or killed between the two leaves a device behind that nobody can read from.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_ = {};
};

}  // namespace

Result<std::vector<NamedDevice>> devices() {
  TRY_ASSIGN(Task task, make_task(DM_DEVICE_LIST, "list"));
  if (dm_task_run(task.get()) == 0) return failure(*task, "list");
  std::vector<NamedDevice> found;
  const dm_names* names = dm_task_get_names(task.get());
  if (names == nullptr || names->dev == 0) return found;
  for (uint32_t next = 0;; next = names->next) {
    names = reinterpret_cast<const dm_names*>(reinterpret_cast<const char*>(names) + next);
    found.push_back({names->name,
                     {static_cast<uint32_t>(names->dev >> 8 & 0xfff),
                      static_cast<uint32_t>((names->dev & 0xff) | (names->dev >> 12 & 0xfff00))}});
    if (names->next == 0) return found;
  }
}

Result<std::optional<std::string>> verity_parameters(Device device) {
  TRY_ASSIGN(Task task, make_task(DM_DEVICE_TABLE, "table"));
  dm_task_set_major(task.get(), static_cast<int>(device.major));
  dm_task_set_minor(task.get(), static_cast<int>(device.minor));
  if (dm_task_run(task.get()) == 0) {
    if (dm_task_get_errno(task.get()) == ENXIO) return std::nullopt;
    return failure(*task, "table of " + std::to_string(device.major) + ":" + std::to_string(device.minor));
  }
  uint64_t start = 0;
  uint64_t length = 0;
  char* type = nullptr;
  char* parameters = nullptr;
  void* next = dm_get_next_target(task.get(), nullptr, &start, &length, &type, &parameters);
  if (next != nullptr || type == nullptr || std::string(type) != "verity" || parameters == nullptr) return std::nullopt;
  return std::string(parameters);
}

Result<bool> is_at_rest(Device device) {
  TRY_ASSIGN(Task task, prepare(DM_DEVICE_INFO, device, "info"));
  if (dm_task_run(task.get()) == 0) return failure(*task, "info");
  dm_info info = {};
  if (dm_task_get_info(task.get(), &info) == 0) return failure(*task, "info");
  return info.exists != 0 && info.suspended == 0 && info.inactive_table == 0;
}

Result<> suspend_and_resume(Device device) {
  std::string name = std::to_string(device.major) + ":" + std::to_string(device.minor);
  TRY_ASSIGN(Task suspend, prepare(DM_DEVICE_SUSPEND, device, "suspend"));
  TRY_ASSIGN(Task resume, prepare(DM_DEVICE_RESUME, device, "resume"));
  // The device keeps its name: udev has nothing to do.
  dm_udev_set_sync_support(0);
  NoSignals no_signals;
  bool is_suspended = dm_task_run(suspend.get()) != 0;
  bool is_resumed = dm_task_run(resume.get()) != 0;
  if (!is_suspended && dm_task_get_errno(suspend.get()) == ENXIO) return {};  // has gone
  if (!is_suspended) return failure(*suspend, "suspend " + name);
  if (!is_resumed) return failure(*resume, "resume " + name);
  return {};
}

}  // namespace bpfgate::volume
