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

// What the line before a signature begins with; "ima" and a newline follow.
constexpr std::string_view kind_line = "bpfgate-signature ";
// What the gate reads, and room for that line.
constexpr size_t max_sidecar_size = evidence::max_signature_size + 64;

// A signature that the gate would not read helps nobody, and would hide that the file has none.
Result<Sidecar> parse_readable(ByteView content) {
  TRY_ASSIGN(Sidecar sidecar, parse_sidecar(content));
  if (sidecar.signature.size() > evidence::max_signature_size)
    return fail(ErrorKind::Invalid,
                "more than the " + std::to_string(evidence::max_signature_size) + " bytes that the gate reads");
  TRY(crypto::check_well_formed(sidecar.signature));
  return sidecar;
}

// The digests of an open file that a signature of this kind could be of.
Result<std::vector<evidence::Digest>> candidates(int fd, evidence::DigestKind kind, const Attachment& attachment) {
  std::vector<evidence::Digest> digests;
  if (kind == evidence::DigestKind::FsVerity) {
    TRY_ASSIGN(Signed file, digest_to_sign(fd, {attachment.parameters, std::nullopt}));
    digests.push_back(file.digest);
    return digests;
  }
  for (ima::Algorithm algorithm : ima::algorithms) {
    TRY_ASSIGN(ima::Digest digest, ima::compute(fd, algorithm));
    digests.emplace_back(digest);
  }
  return digests;
}

Result<> check_valid(int fd, const Sidecar& sidecar, const Attachment& attachment) {
  TRY_ASSIGN(const std::vector<evidence::Digest> digests, candidates(fd, sidecar.kind, attachment));
  const crypto::Certificate& certificate = *attachment.certificate;
  auto finding = crypto::SignatureCheck::Malformed;
  for (const evidence::Digest& digest : digests) {
    finding = crypto::check_detached(sidecar.signature, evidence::signed_message(digest), certificate);
    if (finding == crypto::SignatureCheck::Valid) return {};
  }
  std::string name = attachment.sidecar.string();
  if (finding == crypto::SignatureCheck::NotMine)
    return fail(ErrorKind::Refused, name + " is not a signature by " + certificate.subject());
  if (finding == crypto::SignatureCheck::Mismatch)
    return fail(ErrorKind::Refused, name + " is by " + certificate.subject() + ", but not a signature of this file (" +
                                        to_string(digests.front()) + ")");
  return fail(ErrorKind::Invalid, name + ": not a signature that the kernel would read");
}

Result<> attach_open(int fd, const Sidecar& sidecar, const Attachment& attachment) {
  if (sidecar.kind == evidence::DigestKind::Ima) {
    TRY_ASSIGN(std::optional<fsverity::Digest> measured, fsverity::measure(fd));
    TRY(check_counts(sidecar.kind, measured.has_value()));
  }
  if (attachment.certificate != nullptr) TRY(check_valid(fd, sidecar, attachment));
  return set_signature(fd, sidecar.signature);
}

Result<> detach_open(int fd, const std::filesystem::path& sidecar, evidence::DigestKind kind) {
  TRY_ASSIGN(std::optional<Bytes> signature, get_xattr(fd, evidence::signature_xattr));
  if (!signature) return fail(ErrorKind::Failed, "carries no signature");
  TRY(write_file_atomically(sidecar, sidecar_content({kind, std::move(*signature)})));
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

Bytes sidecar_content(const Sidecar& sidecar) {
  if (sidecar.kind == evidence::DigestKind::FsVerity) return sidecar.signature;
  std::string line = std::string(kind_line) + std::string(name_of(sidecar.kind)) + "\n";
  Bytes content(line.begin(), line.end());
  content.insert(content.end(), sidecar.signature.begin(), sidecar.signature.end());
  return content;
}

Result<Sidecar> parse_sidecar(ByteView content) {
  std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  if (!text.starts_with(kind_line))
    return Sidecar{evidence::DigestKind::FsVerity, Bytes(content.begin(), content.end())};
  const size_t end = text.find('\n');
  if (end == std::string_view::npos) return fail(ErrorKind::Invalid, "a signature that ends in its first line");
  TRY_ASSIGN(evidence::DigestKind kind,
             evidence::digest_kind_named(text.substr(kind_line.size(), end - kind_line.size())));
  ByteView signature = content.subspan(end + 1);
  return Sidecar{kind, Bytes(signature.begin(), signature.end())};
}

Result<Sidecar> read_sidecar(const std::filesystem::path& path) {
  TRY_ASSIGN(Bytes content, read_file(path, max_sidecar_size));
  Result<Sidecar> sidecar = parse_readable(content);
  if (!sidecar) return Failure(std::move(sidecar).error().within(path.string()));
  return sidecar;
}

Result<> check_counts(evidence::DigestKind kind, bool is_sealed) {
  if (kind == evidence::DigestKind::FsVerity || !is_sealed) return {};
  return fail(ErrorKind::Refused,
              "the file is sealed, so the gate goes by its fs-verity digest: an IMA signature would not count",
              "sign it with --digest fsverity");
}

Result<> attach(const std::filesystem::path& file, const Attachment& attachment) {
  TRY_ASSIGN(UniqueFd fd, open_regular(file));
  TRY_ASSIGN(Sidecar sidecar, read_sidecar(attachment.sidecar));
  return within_file(attach_open(fd.get(), sidecar, attachment), file);
}

Result<> detach(const std::filesystem::path& file, const std::filesystem::path& sidecar, evidence::DigestKind kind) {
  TRY_ASSIGN(UniqueFd fd, open_regular(file));
  return within_file(detach_open(fd.get(), sidecar, kind), file);
}

}  // namespace bpfgate::sign
