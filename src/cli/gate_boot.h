// SPDX-License-Identifier: MIT
// bpfgate gate boot: what the boot does, in the initramfs and after it.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "gate/gate.h"

namespace bpfgate::cli {

struct BootOptions {
  std::filesystem::path host;  // where the root file system to be is mounted; empty: this is the host already
  gate::LoadOptions load;
  bool json = false;
};

Result<int> boot(const BootOptions& options);

}  // namespace bpfgate::cli
