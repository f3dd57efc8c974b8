// SPDX-License-Identifier: MIT
// The few questions and orders to the kernel's device mapper. Not for other rooms.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::volume {

struct Device {
  uint32_t major = 0;
  uint32_t minor = 0;
};

struct NamedDevice {
  std::string name;
  Device device;
};

// Every device that there is.
Result<std::vector<NamedDevice>> devices();

// The parameters of a device whose live table is one verity target; nullopt where it is not, or the device has gone.
Result<std::optional<std::string>> verity_parameters(Device device);

// Neither suspended already nor with a table in waiting, which resuming would put in force. False where it has gone.
Result<bool> is_at_rest(Device device);

// Suspends the device and resumes it at once: whatever comes of the first, the second is tried. Nothing is left to do
// in between but the two calls of the kernel, and no signal comes between them. File systems are not frozen, which
// takes nothing from what only reads.
Result<> suspend_and_resume(Device device);

}  // namespace bpfgate::volume
