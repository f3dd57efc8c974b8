// SPDX-License-Identifier: MIT
// bpfgated: a second hold on the gate's links beside the pins, and the way of its events to the journal.
#pragma once

#include <filesystem>

#include "base/result.h"

namespace bpfgate::service {

// Runs until it is told to stop, or the gate is taken away by an administrator. Takes over the links that the service
// manager kept for a predecessor, and hands it those it opens itself (sd_pid_notify_with_fds(3), FDSTORE=1).
Result<> run(const std::filesystem::path& pin_directory);

}  // namespace bpfgate::service
