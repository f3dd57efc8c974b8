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

// Both return at once; file systems on the device are not frozen, which takes nothing from what only reads.
Result<> suspend(const NamedDevice& device);
Result<> resume(const NamedDevice& device);

}  // namespace bpfgate::volume
