// SPDX-License-Identifier: MIT
#include "base/io.h"
#include "sign/sign.h"
#include "sign/xattr.h"

namespace bpfgate::sign {
namespace {

std::string remedy_for(int code) {
  switch (code) {
    case EROFS:
      return "write a detached signature with --detached and --output-dir";
    case EACCES:
    case EPERM:
      return "an xattr needs write permission on the file; or write a detached signature";
    case ENOSPC:
    case E2BIG:
      return "the file's xattrs have no room for it; on ext4, make the file system with larger inodes";
    default:
      return {};
  }
}

// A signature that the gate would not read helps nobody, and would hide that the file has none.
Result<Bytes> read_sidecar(const std::filesystem::path& sidecar) {
  TRY_ASSIGN(Bytes signature, read_file(sidecar, evidence::max_signature_size));
  if (Result<> form = crypto::check_well_formed(signature); !form)
    return Failure(std::move(form).error().within(sidecar.string()));
  return signature;
}

Result<> check_valid(int fd, ByteView signature, const Attachment& attachment) {
  TRY_ASSIGN(Signed file, digest_to_sign(fd, attachment.parameters));
  const crypto::Certificate& certificate = *attachment.certificate;
  std::string name = attachment.sidecar.string();
  switch (crypto::check_detached(signature, evidence::signed_message(file.digest), certificate)) {
    case crypto::SignatureCheck::Valid:
      return {};
    case crypto::SignatureCheck::NotMine:
      return fail(ErrorKind::Refused, name + " is not a signature by " + certificate.subject());
    case crypto::SignatureCheck::Mismatch:
      return fail(ErrorKind::Refused, name + " is by " + certificate.subject() +
                                          ", but not a signature of this file (" + to_string(file.digest) + ")");
    case crypto::SignatureCheck::Malformed:
      break;
  }
  return fail(ErrorKind::Invalid, name + ": not a signature that the kernel would read");
}

Result<> attach_open(int fd, ByteView signature, const Attachment& attachment) {
  if (attachment.certificate != nullptr) TRY(check_valid(fd, signature, attachment));
  return set_signature(fd, signature);
}

Result<> detach_open(int fd, const std::filesystem::path& sidecar) {
  TRY_ASSIGN(std::optional<Bytes> signature, get_xattr(fd, evidence::signature_xattr));
  if (!signature) return fail(ErrorKind::Failed, "carries no signature");
  TRY(write_file_atomically(sidecar, *signature));
  return remove_xattr(fd, evidence::signature_xattr);
}

Result<> within_file(Result<> done, const std::filesystem::path& file) {
  if (!done) return Failure(std::move(done).error().within(file.string()));
  return done;
}

}  // namespace

std::filesystem::path sidecar_of(const std::filesystem::path& file, const std::filesystem::path& directory) {
  std::filesystem::path name = file.filename();
  name += ".bpfsig";
  return (directory.empty() ? file.parent_path() : directory) / name;
}

Result<> set_signature(int fd, ByteView signature) {
  Result<> done = set_xattr(fd, evidence::signature_xattr, signature);
  if (!done && done.error().remedy.empty()) done.error().remedy = remedy_for(done.error().code);
  return done;
}

Result<> attach(const std::filesystem::path& file, const Attachment& attachment) {
  TRY_ASSIGN(UniqueFd fd, open_regular(file));
  TRY_ASSIGN(Bytes signature, read_sidecar(attachment.sidecar));
  return within_file(attach_open(fd.get(), signature, attachment), file);
}

Result<> detach(const std::filesystem::path& file, const std::filesystem::path& sidecar) {
  TRY_ASSIGN(UniqueFd fd, open_regular(file));
  return within_file(detach_open(fd.get(), sidecar), file);
}

}  // namespace bpfgate::sign
