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

// What of a file is signed: its fs-verity digest or, where `ima` is given, IMA's by that algorithm.
struct Basis {
  // nullopt: those of the seal, or the defaults where there is none. Given for a file that is sealed otherwise:
  // ErrorKind::Invalid, for the signature would prove nothing.
  std::optional<fsverity::Parameters> parameters;
  std::optional<ima::Algorithm> ima;
};

struct Request {
  evidence::Role role = evidence::Role::Loader;
  Basis basis;
  bool allow_interpreter = false;  // sign what lint() finds; a script is refused all the same
  // Writes this file instead of the xattr, and leaves the signed file alone.
  std::optional<std::filesystem::path> sidecar;
};

struct Signed {
  evidence::Digest digest;
  bool was_sealed = false;  // an fs-verity digest is the kernel's measurement then
};

// Whether sign_file() would sign it as asked; ErrorKind::Refused where lint() finds something.
Result<> check_signable(const std::filesystem::path& file, const Request& request);

// Digest, signature, xattr or sidecar; a signature that was there is replaced. Errors begin with the file's name.
// Loaders that lint() finds are ErrorKind::Refused, and nothing is written. So is putting an IMA signature on a sealed
// file, where it would not count and could replace one that does. mtime stays.
Result<Signed> sign_file(const std::filesystem::path& file, const crypto::Signer& signer, const Request& request);

// The digest a signature of this file must be over: what the kernel measures or, when it is not sealed, what
// `basis.parameters` give; or IMA's.
Result<Signed> digest_to_sign(int fd, const Basis& basis);

// Opens for reading without waiting for the other end of a FIFO; anything but a regular file is ErrorKind::Failed.
Result<UniqueFd> open_regular(const std::filesystem::path& file);

// A detached signature as it lies in its file: DER alone when it is of an fs-verity digest, byte for byte what
// `fsverity sign` writes; one line before the DER says that it is of an IMA digest. DER begins with another byte than
// that line, so whatever has no such line is of fs-verity, as all were before there was a choice. The kind is a claim
// like the signer's name: only checking the signature tells.
struct Sidecar {
  evidence::DigestKind kind = evidence::DigestKind::FsVerity;
  Bytes signature;
};
Bytes sidecar_content(const Sidecar& sidecar);
// A line that names another kind is ErrorKind::Invalid; the signature is not looked at.
Result<Sidecar> parse_sidecar(ByteView content);

// Puts the sidecar's signature on the file. Nothing is done unless it is well-formed, small enough for the gate and,
// where a certificate is given, its valid signature of this file (ErrorKind::Refused); of an IMA digest with whatever
// algorithm. An IMA signature is not put on a sealed file (ErrorKind::Refused).
struct Attachment {
  std::filesystem::path sidecar;
  const crypto::Certificate* certificate = nullptr;  // not owned; null: not checked
  std::optional<fsverity::Parameters> parameters;    // of a file that is not sealed yet, for fs-verity
};
Result<> attach(const std::filesystem::path& file, const Attachment& attachment);

// Moves the file's signature to the sidecar. The xattr goes only when the sidecar is safely on disk. What kind of
// digest the signature is of cannot be seen in it, so the caller says what the sidecar is to say.
Result<> detach(const std::filesystem::path& file, const std::filesystem::path& sidecar,
                evidence::DigestKind kind = evidence::DigestKind::FsVerity);

}  // namespace bpfgate::sign
