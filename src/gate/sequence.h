// SPDX-License-Identifier: MIT
// What the next boot remembers of a sealed gate: the highest sequence number of each policy. One file per policy,
// DIRECTORY/NAME.sequence, with the number in decimal and a newline.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {

// nullopt: no sealed gate on this host has had a policy of this name. A file that holds no number is
// ErrorKind::Invalid: what cannot be read must not count as "none".
Result<std::optional<uint64_t>> recorded_sequence(const std::filesystem::path& directory, const std::string& name);

// On the disk when it returns; the number never goes down. Creates the directory, mode 0755, where it is missing.
Result<> record_sequence(const std::filesystem::path& directory, const manifest::Manifest& manifest);

// ErrorKind::Refused for a manifest older than the number.
Result<> check_not_rolled_back(const std::filesystem::path& directory, const manifest::Manifest& manifest);

}  // namespace bpfgate::gate
