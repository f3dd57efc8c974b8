// SPDX-License-Identifier: MIT
// Signatures of the files in an .rpm, where rpm carries them for fs-verity: in the signature header. An entry is what
// the file's xattr is to be, byte for byte.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/crypto.h"
#include "fsverity/fsverity.h"
#include "rpm/package.h"

namespace bpfgate::rpm {

// Which files of a package are meant: first by what the header says, then by the content of those. The second may
// refuse one with an error, and then nothing is signed.
struct Choice {
  std::function<bool(const File& file)> may_be;
  std::function<Result<bool>(const File& file, int fd)> is;
};

// The signature of a file with this digest: made, or found where it was made before. nullopt: it stays as it is.
using Signing = std::function<Result<std::optional<Bytes>>(const File& file, const fsverity::Digest& digest)>;
Signing signing_by(const crypto::Signer& signer);  // which is not owned

struct Request {
  Choice choice;
  // rpm has one algorithm for all files of a package, a block size of 4096 and no salt.
  fsverity::Algorithm algorithm = fsverity::Algorithm::Sha256;
  // Takes the signatures of all other files away. Without it they stay, and must be of the same algorithm.
  bool replace = false;
  // Without it a package is refused that does not say what its header's digest is: whether the header is the one that
  // was built cannot be told then, and it is what says which content the files have.
  bool allow_undigested = false;
};

struct SignedFile {
  std::vector<std::string> names;
  fsverity::Digest digest;
};

// Signs the files chosen and writes the package anew; one in which none is chosen is left alone, unless the request
// says to replace. Errors begin with the package's name, and leave it as it was.
Result<std::vector<SignedFile>> sign_package(const std::filesystem::path& path, const Signing& signing,
                                             const Request& request);

}  // namespace bpfgate::rpm
