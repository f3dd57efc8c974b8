// SPDX-License-Identifier: MIT
// bpfgated: a second hold on the gate's links beside the pins, the way of its events to the journal, and its metrics.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace bpfgate::service {

// Runs until it is told to stop, or the gate is taken away by an administrator. Takes over the links that the service
// manager kept for a predecessor, and hands it those it opens itself (sd_pid_notify_with_fds(3), FDSTORE=1). The
// metrics are in `metrics_file` as long as it runs.
Result<> run(const std::filesystem::path& pin_directory, const std::filesystem::path& metrics_file);

}  // namespace bpfgate::service
