// SPDX-License-Identifier: MIT
#include "base/io.h"
#include "manifest/manifest.h"

namespace bpfgate::manifest {

Result<Manifest> load(const std::filesystem::path& path) {
  TRY_ASSIGN(std::string text, read_text_file(path, kMaxManifestBytes));
  return parse(text, path, [](const std::filesystem::path& file) { return read_file(file, kMaxCertificateBytes); });
}

}  // namespace bpfgate::manifest
