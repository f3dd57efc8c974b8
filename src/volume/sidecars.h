// SPDX-License-Identifier: MIT
// The files that go with the image of a volume, named as systemd looks for them (systemd.exec(5), RootImage=).
#pragma once

#include <filesystem>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::volume {

struct Sidecars {
  std::filesystem::path tree;       // NAME.verity
  std::filesystem::path root_hash;  // NAME.roothash: hexadecimal digits
  std::filesystem::path signature;  // NAME.roothash.p7s: PKCS#7, DER
};

// NAME is the image's path, without ".raw" at its end.
Sidecars sidecars_of(const std::filesystem::path& image);

// Hexadecimal digits and nothing else, or a line of them; ErrorKind::Invalid otherwise.
Result<Bytes> read_root_hash(const std::filesystem::path& path);

}  // namespace bpfgate::volume
