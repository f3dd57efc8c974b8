// SPDX-License-Identifier: MIT
// Detached signatures of many files in one directory.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::cli {

// Makes `directory` ready to take the sidecars of `files`; empty means beside each file, where nothing is to be done.
// Two files of one name are ErrorKind::Usage: the second's signature would replace the first's.
Result<> prepare_sidecars(const std::vector<std::string>& files, const std::filesystem::path& directory);

}  // namespace bpfgate::cli
