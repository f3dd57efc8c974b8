// SPDX-License-Identifier: MIT
// Signatures on files: made, put beside, moved. What is signed and where it goes is the evidence room's to say.
#pragma once

#include <filesystem>
#include <optional>

#include "base/result.h"
#include "base/unique_fd.h"
#include "crypto/crypto.h"
#include "evidence/evidence.h"
#include "fsverity/fsverity.h"

namespace bpfgate::sign {

// Where a signature without its file lives: FILE.bpfsig, in `directory` when one is given.
std::filesystem::path sidecar_of(const std::filesystem::path& file, const std::filesystem::path& directory = {});

struct Request {
  evidence::Role role = evidence::Role::Loader;
  // nullopt: those of the seal, or the defaults where there is none. Given for a file that is sealed otherwise:
  // ErrorKind::Invalid, for the signature would prove nothing.
  std::optional<fsverity::Parameters> parameters;
  bool allow_interpreter = false;  // sign what lint() finds; a script is refused all the same
  // Writes this file instead of the xattr, and leaves the signed file alone.
  std::optional<std::filesystem::path> sidecar;
};

struct Signed {
  fsverity::Digest digest;
  bool was_sealed = false;  // the digest is the kernel's measurement
};

// Digest, signature, xattr or sidecar; a signature that was there is replaced. Errors begin with the file's name.
// Loaders that lint() finds are ErrorKind::Refused, and nothing is written. mtime stays.
Result<Signed> sign_file(const std::filesystem::path& file, const crypto::Signer& signer, const Request& request);

// The digest a signature of this file must be over: what the kernel measures or, when it is not sealed, what
// `parameters` give.
Result<Signed> digest_to_sign(int fd, const std::optional<fsverity::Parameters>& parameters);

// Opens for reading without waiting for the other end of a FIFO; anything but a regular file is ErrorKind::Failed.
Result<UniqueFd> open_regular(const std::filesystem::path& file);

// Puts the sidecar's signature on the file. Nothing is done unless it is well-formed, small enough for the gate and,
// where a certificate is given, its valid signature of this file (ErrorKind::Refused).
struct Attachment {
  std::filesystem::path sidecar;
  const crypto::Certificate* certificate = nullptr;  // not owned; null: not checked
  std::optional<fsverity::Parameters> parameters;    // of a file that is not sealed yet
};
Result<> attach(const std::filesystem::path& file, const Attachment& attachment);

// Moves the file's signature to the sidecar. The xattr goes only when the sidecar is safely on disk.
Result<> detach(const std::filesystem::path& file, const std::filesystem::path& sidecar);

}  // namespace bpfgate::sign
