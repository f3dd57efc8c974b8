// SPDX-License-Identifier: MIT
// Where the signatures of files in an image come from, as command-line options: from a key, or from a directory of
// those made before.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/app.h"
#include "cli/keys.h"
#include "image/image.h"

namespace bpfgate::cli {

struct ImageSigningOptions {
  std::string key;
  std::string certificate;
  std::string role = "loader";
  std::filesystem::path signatures;
  PinOptions pin;
  bool reproducible = false;
  bool allow_interpreter = false;
};

// Declares --key, --cert, --role, --pin-file, --pin-fd, --reproducible, --allow-interpreter and --signatures.
void add_image_signing_options(CLI::App& app, ImageSigningOptions& options);

// None where nothing is to be signed. Options that do not go together are ErrorKind::Usage, and so are two paths whose
// signatures would be one file.
Result<image::Signing> image_signing_of(const ImageSigningOptions& options, const std::vector<std::string>& paths);

}  // namespace bpfgate::cli
