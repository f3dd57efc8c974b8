// SPDX-License-Identifier: MIT
// The policy of a host from three directories, as systemd puts its settings together: one base, and drop-ins that add
// to it. docs/MANIFEST.md ("The policy of a host") is the reference.
#pragma once

#include <array>
#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "manifest/manifest.h"

namespace bpfgate::manifest {

struct LayerPaths {
  // Of an image, or of a test: the directories, and the certificates with absolute paths, are looked for below it.
  std::filesystem::path root = {};
  // The vendor's, this boot's, and the administrator's: what is in a later one counts for more.
  std::array<std::filesystem::path, 3> directories = {"/usr/lib/bpfgate", "/run/bpfgate", "/etc/bpfgate"};
};

struct Layers {
  Manifest manifest;
  std::vector<std::filesystem::path> files;  // that it is from: the base, then the drop-ins as they were applied
};

// Reads manifest.json of the last directory that has one, and all drop-ins manifest.d/*.json. Among drop-ins of one
// name the last directory's counts; one that is a symbolic link to /dev/null does not, and hides the others. An error
// names the file it is about and the JSON pointer there. That there is no base at all is ErrorKind::Invalid, too, and
// told from all else by the code ENOENT.
Result<Layers> load_layers(const LayerPaths& paths);

// A file that was read. `name` is absolute.
struct Layer {
  std::string name;
  std::string text;
};

// The same from what was read: `layers` has the base first, and the drop-ins in their order. All names begin with
// `root`; `read_certificate` gets paths as seen from there.
Result<Manifest> parse_layers(const std::vector<Layer>& layers, const std::filesystem::path& root,
                              const CertificateReader& read_certificate);

}  // namespace bpfgate::manifest
