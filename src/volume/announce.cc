// SPDX-License-Identifier: MIT
#include <sys/mman.h>

#include "volume/device_mapper.h"
#include "volume/volume.h"

namespace bpfgate::volume {
namespace {

// While a device is suspended, a page of this program that is read from it would wait for this program.
class LockedMemory {
 public:
  static Result<LockedMemory> lock() {
    if (::mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return fail_errno("lock this program's memory");
    return LockedMemory();
  }
  LockedMemory(LockedMemory&& other) noexcept : is_locked_(std::exchange(other.is_locked_, false)) {}
  LockedMemory& operator=(LockedMemory&&) = delete;
  ~LockedMemory() {
    if (is_locked_) ::munlockall();
  }

 private:
  LockedMemory() = default;
  bool is_locked_ = true;
};

Result<bool> is_to_be_announced(const NamedDevice& device, const Filter& is_wanted) {
  TRY_ASSIGN(std::optional<std::string> parameters, verity_parameters(device.device));
  if (!parameters) return false;
  TRY_ASSIGN(Volume volume, parse_table(*parameters));
  if (!is_wanted(volume)) return false;
  return is_at_rest(device.device);
}

}  // namespace

Result<std::vector<std::string>> announce(const Filter& is_wanted) {
  TRY_ASSIGN(std::vector<NamedDevice> all, devices());
  std::vector<std::string> announced;
  for (const NamedDevice& device : all) {
    TRY_ASSIGN(bool is_due, is_to_be_announced(device, is_wanted));
    if (!is_due) continue;
    TRY_ASSIGN(LockedMemory memory, LockedMemory::lock());
    TRY(suspend_and_resume(device.device));
    announced.push_back(device.name);
  }
  return announced;
}

}  // namespace bpfgate::volume
