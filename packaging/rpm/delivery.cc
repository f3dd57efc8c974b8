// SPDX-License-Identifier: MIT
#include "delivery.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/io.h"
#include "base/unique_fd.h"
#include "evidence/evidence.h"

namespace bpfgate::rpm_plugin {
namespace {

using crypto::SignatureCheck;

// The last component of a name that rpm has just made, or found to be a regular file, is no link.
constexpr int open_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

Result<std::pair<dev_t, ino_t>> inode_of(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return fail_errno("fstat");
  return std::pair(status.st_dev, status.st_ino);
}

std::map<std::string, bool> names_of(const Contents& contents) {
  std::map<std::string, bool> names;
  for (const PackageFile& file : contents.files) names[file.name] = !file.signature.empty();
  return names;
}

Failure by_nobody() { return fail(ErrorKind::Refused, "its signature is by nobody named"); }

}  // namespace

// Whoever a signature says has made it is told without what it is of.
Result<> Delivery::check_claim(ByteView signature) const {
  if (signature.size() > evidence::max_signature_size)
    return fail(ErrorKind::Refused, "its signature is larger than the gate reads");
  TRY(crypto::check_well_formed(signature));
  auto may_be_by = [&](const crypto::Certificate& certificate) {
    return crypto::check_detached(signature, {}, certificate) != SignatureCheck::NotMine;
  };
  if (certificates_.empty() || std::ranges::any_of(certificates_, may_be_by)) return {};
  return by_nobody();
}

Result<> Delivery::check(ByteView signature, const fsverity::Digest& digest) const {
  if (certificates_.empty()) return {};
  bool is_mine = false;
  const Bytes message = evidence::signed_message(digest);
  for (const crypto::Certificate& certificate : certificates_) {
    SignatureCheck finding = crypto::check_detached(signature, message, certificate);
    if (finding == SignatureCheck::Valid) return {};
    is_mine |= finding == SignatureCheck::Mismatch;
  }
  if (!is_mine) return by_nobody();
  return fail(ErrorKind::Refused, "its signature is not of this content");
}

Result<> Delivery::begin(Contents contents) {
  contents_ = std::move(contents);
  prepared_.clear();
  failures_.clear();
  stores_.begin(names_of(contents_));
  for (const PackageFile& file : contents_.files) {
    if (file.signature.empty()) continue;
    if (Result<> claim = check_claim(file.signature); !claim)
      return Failure(std::move(claim).error().within(printable(file.name)));
  }
  return {};
}

Result<> Delivery::prepare(size_t entry, int written, const char* path, const std::string& destination) {
  if (entry >= contents_.files.size() || contents_.files[entry].signature.empty()) return {};
  const Bytes& signature = contents_.files[entry].signature;
  TRY_ASSIGN(UniqueFd fd, open_file(path, open_flags));  // rpm's descriptor may be for writing only
  TRY_ASSIGN(Inode inode, inode_of(fd.get()));
  if (written >= 0) {
    TRY_ASSIGN(Inode expected, inode_of(written));
    if (inode != expected) return fail(ErrorKind::Refused, "somebody has replaced it while it was installed");
  }
  TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd.get(), parameters()));
  TRY(check(signature, digest));
  Result<> set = set_xattr(fd.get(), evidence::signature_xattr, signature);
  if (!set && set.error().kind != ErrorKind::Unsupported) return set;
  if (set)
    prepared_.insert_or_assign(inode, Prepared{destination, std::move(digest)});
  else
    failures_.push_back(line(destination, set.error()));
  return {};
}

// Other names lead to the directory, and somebody else may own it. A seal cannot be taken back, so the content is
// compared before; and once more after, for somebody may write until the seal is there.
Result<> Delivery::seal(const char* path, const Inode& inode, const Prepared& prepared) const {
  TRY_ASSIGN(UniqueFd fd, open_file(path, open_flags));
  TRY_ASSIGN(Inode found, inode_of(fd.get()));
  if (found != inode) return fail(ErrorKind::Refused, "somebody has replaced it after it was installed");
  TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd.get(), parameters()));
  if (digest == prepared.digest) {
    TRY_ASSIGN(fsverity::Sealing sealing, fsverity::seal(fd.get(), parameters()));
    digest = std::move(sealing.digest);
  }
  if (digest == prepared.digest) return {};
  return fail(ErrorKind::Refused, "somebody has changed it after it was installed", "install the package anew");
}

void Delivery::commit(const char* path) {
  struct stat status;
  if (!contents_.is_installed || ::lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  // By inode: of hard links, rpm prepares one and commits all.
  auto found = prepared_.find({status.st_dev, status.st_ino});
  if (found == prepared_.end()) {
    stores_.commit(path,
                   [this](ByteView signature, const fsverity::Digest& digest) { return check(signature, digest); });
    return;
  }
  if (std::exchange(found->second.is_committed, true)) return;
  if (Result<> sealed = seal(path, found->first, found->second); !sealed)
    failures_.push_back(line(found->second.destination, sealed.error()));
}

std::vector<std::string> Delivery::finish(bool is_installed) {
  for (const auto& [inode, prepared] : prepared_)
    if (is_installed && !prepared.is_committed)
      failures_.push_back(printable(prepared.destination) + ": is not where it was installed, and not sealed");
  for (std::string& failure : stores_.finish())
    if (is_installed) failures_.push_back(std::move(failure));
  prepared_.clear();
  contents_ = {};
  return std::exchange(failures_, {});
}

}  // namespace bpfgate::rpm_plugin
