// SPDX-License-Identifier: MIT
// A draft as the text of a manifest.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "learn/draft.h"
#include "manifest/manifest.h"

namespace bpfgate::cli {

// The manifest that a draft is added to: as typed structs, and the text they are from, of which all is kept.
struct BaseManifest {
  manifest::Manifest manifest;
  std::string text;
};

// None: an empty manifest. `path` is for messages, and certificates are relative to it.
Result<BaseManifest> load_base(const std::optional<std::filesystem::path>& path);

// The draft added to its base, as a manifest in audit mode with a higher sequence number than the base's, checked by
// the parser of manifests. Certificates and the extension are named so that they are found from `target`. `name`: empty
// for the base's.
Result<std::string> manifest_text(const learn::Draft& draft, const BaseManifest& base, const std::string& name,
                                  const std::filesystem::path& target);

}  // namespace bpfgate::cli
