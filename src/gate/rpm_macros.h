// SPDX-License-Identifier: MIT
// Private to this room: what rpm is told on a host, as far as it concerns files with signatures.
#pragma once

#include <filesystem>
#include <optional>

namespace bpfgate::gate {

// Whether rpm loads its own plugin for fs-verity, with which it installs no package with signatures where the file
// system has fs-verity. nullopt: rpm installs nothing on this host, or has no such plugin. A macro that some user's own
// files define is not seen.
std::optional<bool> has_stock_fsverity_plugin(const std::filesystem::path& root);

}  // namespace bpfgate::gate
