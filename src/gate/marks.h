// SPDX-License-Identifier: MIT
// What the gate in the kernel holds of running processes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::gate {

enum class Image { Inherited, Watched, Unproven };

struct Mark {
  Image image = Image::Unproven;
  bool pre_existing = false;        // the process is older than the gate
  bool is_current = false;          // judged under the policy in force; otherwise its next call is judged anew
  std::string verdict, reason;      // as in events
  std::string taint;                // a reason, or empty
  std::vector<std::string> grants;  // of a proven process, under the policy in force
};

// nullopt: the gate has not seen the process do anything, or none is loaded.
Result<std::optional<Mark>> mark_of(const std::filesystem::path& pin_directory, uint32_t process);

}  // namespace bpfgate::gate
