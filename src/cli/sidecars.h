// SPDX-License-Identifier: MIT
// Detached signatures of many files in one directory.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/crypto.h"
#include "fsverity/fsverity.h"

namespace bpfgate::cli {

// Two files whose signatures would be one file are ErrorKind::Usage, with this remedy: the second's would replace the
// first's, or be taken for it. One file may be named twice.
struct SidecarRule {
  std::function<std::filesystem::path(const std::string& file)> sidecar;
  std::function<bool(const std::string& a, const std::string& b)> is_same_file;
  std::string remedy;
};
Result<> check_sidecars_differ(const std::vector<std::string>& files, const SidecarRule& rule);

// Makes `directory` ready to take the sidecars of `files`; empty means beside each file, where nothing is to be done.
// Two files of one name are ErrorKind::Usage: the second's signature would replace the first's.
Result<> prepare_sidecars(const std::vector<std::string>& files, const std::filesystem::path& directory);

// Of a file in a package or an image: DIRECTORY/usr/bin/tool.bpfsig, as a tree that was signed has it, or else
// DIRECTORY/tool.bpfsig.
std::filesystem::path sidecar_for(const std::string& path, const std::filesystem::path& directory);

// The signature in a sidecar, for a file that has this digest. Where a certificate is given it must be a valid one by
// it (ErrorKind::Refused); without one, what it is of cannot be told. Null: none.
Result<Bytes> take_sidecar(const std::filesystem::path& sidecar, const fsverity::Digest& digest,
                           const crypto::Certificate* certificate);

}  // namespace bpfgate::cli
