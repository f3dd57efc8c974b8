// SPDX-License-Identifier: MIT
#include "sign/sign.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "sign/lint.h"
#include "sign/xattr.h"

namespace bpfgate::sign {
namespace {

Result<> check_same_seal(int fd, const fsverity::Digest& measured, const fsverity::Parameters& parameters) {
  TRY_ASSIGN(fsverity::Digest computed, fsverity::compute(fd, parameters));
  if (computed == measured) return {};
  return fail(ErrorKind::Invalid,
              "sealed with " + to_string(measured) + ", but the given parameters make " + to_string(computed),
              "leave out --hash-alg, --block-size and --salt to sign what the file is sealed with");
}

Result<Signed> sign_open_file(int fd, const std::filesystem::path& file, const crypto::Signer& signer,
                              const Request& request) {
  if (request.role == evidence::Role::Loader) TRY(check_may_be_loader(fd, file, request.allow_interpreter));
  TRY_ASSIGN(Signed result, digest_to_sign(fd, request.basis));
  const evidence::DigestKind kind = result.digest.kind;
  if (!request.sidecar) TRY(check_counts(kind, result.was_sealed));
  TRY_ASSIGN(Bytes signature, evidence::sign(result.digest, signer));
  if (request.sidecar) {
    TRY(write_file_atomically(*request.sidecar, sidecar_content({kind, std::move(signature)})));
  } else {
    TRY(set_signature(fd, signature));
  }
  return result;
}

}  // namespace

Result<> check_may_be_loader(int fd, const std::filesystem::path& file, bool allow_interpreter) {
  TRY_ASSIGN(std::optional<LintFinding> found, lint(fd, file));
  if (!found) return {};
  if (found->kind == LintKind::Script)
    return fail(ErrorKind::Refused, "this is " + found->reason,
                "sign a compiled loader; signing the interpreter would trust every script on the host");
  if (allow_interpreter) return {};
  return fail(ErrorKind::Refused, "this is " + found->reason + ": as a loader, whatever it runs would have its grant",
              "sign it as a library with --role library, or insist with --allow-interpreter");
}

Result<UniqueFd> open_regular(const std::filesystem::path& file) {
  TRY_ASSIGN(UniqueFd fd, open_file(file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) return fail_errno(file.string());
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::Failed, file.string() + ": not a regular file");
  return fd;
}

Result<Signed> digest_to_sign(int fd, const Basis& basis) {
  TRY_ASSIGN(std::optional<fsverity::Digest> measured, fsverity::measure(fd));
  if (basis.ima) {
    TRY_ASSIGN(ima::Digest hashed, ima::compute(fd, *basis.ima));
    return Signed{hashed, measured.has_value()};
  }
  if (!measured) {
    TRY_ASSIGN(fsverity::Digest computed, fsverity::compute(fd, basis.parameters.value_or(fsverity::Parameters{})));
    return Signed{computed, false};
  }
  if (basis.parameters) TRY(check_same_seal(fd, *measured, *basis.parameters));
  return Signed{*measured, true};
}

Result<Signed> sign_file(const std::filesystem::path& file, const crypto::Signer& signer, const Request& request) {
  TRY_ASSIGN(UniqueFd fd, open_regular(file));
  Result<Signed> result = sign_open_file(fd.get(), file, signer, request);
  if (!result) return Failure(std::move(result).error().within(file.string()));
  return result;
}

}  // namespace bpfgate::sign
