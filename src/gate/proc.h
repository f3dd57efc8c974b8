// SPDX-License-Identifier: MIT
// What /proc says of processes, while they come and go. That something has gone is the one trouble that counts as
// "none": what cannot be read for another reason may be there all the same, so that is an error. Not for other rooms.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::gate {

// A process, thread or descriptor that is no longer there: ENOENT, ESRCH, EBADF.
bool has_gone(const Error& error);
// Also where the kernel says EACCES of what it can no longer ask: whether `process`, a directory of /proc, is still
// there.
bool has_gone(const Error& error, const std::filesystem::path& process);

// The number a process directory in /proc is named by; 0 for other entries.
int pid_of(const std::string& name);

// For messages; empty where it cannot be told.
std::string executable_of(const std::filesystem::path& process);

// nullopt: gone.
Result<std::optional<std::string>> read_link(const std::filesystem::path& path);

// Their directories; this one's is not among them.
Result<std::vector<std::filesystem::path>> other_processes();

struct Descriptor {
  std::filesystem::path thread;  // /proc/PID/task/TID
  std::string number;
  std::string target;  // "anon_inode:bpf-map"
};

// The text of fdinfo. nullopt: closed since.
Result<std::optional<std::string>> read_fdinfo(const std::filesystem::path& thread, const std::string& number);

// How many descriptors count, in the thread that has most of them: each may have a table of its own. 0 for a process
// that is gone. One that /proc does not show as the kernel has it is ErrorKind::Refused.
struct Counted {
  unsigned count = 0;
  std::filesystem::path thread;
};
using Counts = std::function<Result<bool>(const Descriptor&)>;
Result<Counted> count_descriptors(const std::filesystem::path& process, const Counts& counts);

}  // namespace bpfgate::gate
