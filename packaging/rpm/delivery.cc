// SPDX-License-Identifier: MIT
#include "delivery.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "base/io.h"
#include "base/unique_fd.h"
#include "evidence/evidence.h"
#include "store/choice.h"

namespace bpfgate::rpm_plugin {
namespace {

using crypto::SignatureCheck;

// The last component of a name that rpm has just made, or found to be a regular file, is no link.
constexpr int open_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

Result<UniqueFd> open_at(int directory, const std::filesystem::path& path, uint64_t resolve) {
  open_how how = {};
  how.flags = static_cast<uint64_t>(open_flags | O_CLOEXEC);
  how.resolve = resolve;
  UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
  if (!fd) return fail_errno(path.string());
  return fd;
}

Result<std::pair<dev_t, ino_t>> inode_of(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return fail_errno("fstat");
  return std::pair(status.st_dev, status.st_ino);
}

bool is_only_roots(int directory) {
  struct stat status;
  return ::fstat(directory, &status) == 0 && status.st_uid == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

// Where rpm gives no descriptor to compare with, somebody may turn a directory on the way into a link to another. That
// does nobody any good where the directory that it ends in is root's alone. ErrorKind::Unsupported: it is not.
Result<UniqueFd> open_unwatched(const std::filesystem::path& path) {
  TRY_ASSIGN(const UniqueFd directory, open_file(path.parent_path(), O_PATH | O_DIRECTORY));
  if (is_only_roots(directory.get())) return open_at(directory.get(), path.filename(), 0);
  auto opened = open_at(AT_FDCWD, path, RESOLVE_NO_SYMLINKS);
  if (opened || opened.error().code != ELOOP) return opened;
  return fail(ErrorKind::Unsupported, "cannot be told to be the file that rpm has written, for a link leads there");
}

Failure by_nobody() {
  return fail(
      ErrorKind::Refused, "its signature is by nobody named",
      "name the signer's certificate in %_bpfgate_certificates, or get the package from who signs for this host");
}

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
  return fail(ErrorKind::Refused, "its signature is not of this content", "have the package signed anew");
}

std::map<std::string, Stores::Carried> Delivery::names() const {
  const auto by_header = certificates_.empty() ? Stores::Carried::Unproven : Stores::Carried::Proven;
  std::map<std::string, Stores::Carried> names;
  for (const PackageFile& file : contents_.files)
    names[file.name] = file.signature.empty() ? Stores::Carried::Nothing : by_header;
  return names;
}

Result<> Delivery::begin(Contents contents) {
  contents_ = std::move(contents);
  prepared_.clear();
  failures_.clear();
  stores_.begin(names(), contents_.is_installed);
  for (const PackageFile& file : contents_.files) {
    if (file.signature.empty()) continue;
    if (Result<> claim = check_claim(file.signature); !claim)
      return Failure(std::move(claim).error().within(printable(file.name)));
  }
  return {};
}

Result<bool> Delivery::may_be_sealed(int fd) const {
  if (!certificates_.empty()) return true;
  return store::is_code(fd);
}

Result<> Delivery::prepare(size_t entry, int written, const char* path, const std::string& destination) {
  if (entry >= contents_.files.size() || contents_.files[entry].signature.empty()) return {};
  auto opened = written >= 0 ? open_file(path, open_flags)  // rpm's descriptor may be for writing only
                             : open_unwatched(path);
  if (!opened && opened.error().kind == ErrorKind::Unsupported) {
    failures_.push_back(line(destination, opened.error()));
    return {};
  }
  if (!opened) return Failure(std::move(opened).error());
  TRY_ASSIGN(Inode inode, inode_of(opened->get()));
  if (written >= 0) {
    TRY_ASSIGN(Inode expected, inode_of(written));
    if (inode != expected) return fail(ErrorKind::Refused, "somebody has replaced it while it was installed");
  }
  return prepare_file(opened->get(), contents_.files[entry].signature, inode, destination);
}

// rpm cannot take all back at this point: only what may be somebody's doing refuses the package.
Result<> Delivery::prepare_file(int fd, const Bytes& signature, const Inode& inode, const std::string& destination) {
  TRY_ASSIGN(const bool is_wanted, may_be_sealed(fd));
  if (!is_wanted) {
    failures_.push_back(printable(destination) +
                        ": is neither executable nor ELF, and its signature is left out (no certificates are named)");
    return {};
  }
  TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd, parameters()));
  TRY(check(signature, digest));
  if (Result<> set = set_xattr(fd, evidence::signature_xattr, signature); !set)
    failures_.push_back(line(destination, set.error()));
  else
    prepared_.insert_or_assign(inode, Prepared{destination, signature, std::move(digest), {}});
  return {};
}

// Without certificates, signature and algorithm of a header may be anybody's, and a seal is for good: what a store has
// done counts.
Result<bool> Delivery::is_done_by_store(int fd, const Prepared& prepared) const {
  if (!certificates_.empty()) return false;
  TRY_ASSIGN(const std::optional<Bytes> present, evidence::read_signature(fd));
  if (present != prepared.signature)
    return fail(ErrorKind::Refused,
                "another signature, as of a store, is in the place of the one in its package's header",
                "name the signers' certificates in %_bpfgate_certificates, and those in headers go first");
  TRY_ASSIGN(const std::optional<fsverity::Digest> measured, fsverity::measure(fd));
  return measured.has_value();
}

// Other names lead to the directory, and somebody else may own it. A seal cannot be taken back, so the content is
// compared before; and once more after, for somebody may write until the seal is there.
Result<> Delivery::seal(const Inode& inode, const Prepared& prepared) const {
  TRY_ASSIGN(UniqueFd fd, open_file(prepared.path, open_flags));
  TRY_ASSIGN(Inode found, inode_of(fd.get()));
  if (found != inode) return fail(ErrorKind::Refused, "somebody has replaced it after it was installed");
  TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd.get(), parameters()));
  if (digest == prepared.digest) {
    TRY_ASSIGN(const bool is_done, is_done_by_store(fd.get(), prepared));
    if (is_done) return {};
    TRY_ASSIGN(fsverity::Sealing sealing, fsverity::seal(fd.get(), parameters()));
    digest = std::move(sealing.digest);
  }
  if (digest == prepared.digest) return {};
  return fail(ErrorKind::Refused, "somebody has changed it after it was installed", "install the package anew");
}

void Delivery::seal_or_say(const Inode& inode, const Prepared& prepared) {
  if (Result<> sealed = seal(inode, prepared); !sealed) failures_.push_back(line(prepared.destination, sealed.error()));
}

void Delivery::commit(const char* path) {
  struct stat status;
  if (!contents_.is_installed || ::lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  stores_.commit(path);
  // By inode: of hard links, rpm prepares one and commits all.
  auto found = prepared_.find({status.st_dev, status.st_ino});
  if (found == prepared_.end() || !found->second.path.empty()) return;
  found->second.path = path;
  if (!certificates_.empty()) seal_or_say(found->first, found->second);
}

void Delivery::settle() {
  // They know which signatures go before theirs.
  stores_.settle([this](ByteView signature, const fsverity::Digest& digest) { return check(signature, digest); });
  std::erase_if(prepared_, [&](const auto& file) {
    if (file.second.path.empty()) return false;
    if (certificates_.empty()) seal_or_say(file.first, file.second);
    return true;
  });
}

std::vector<std::string> Delivery::finish(bool is_installed) {
  if (is_installed) settle();
  for (const auto& [inode, prepared] : prepared_)
    failures_.push_back(printable(prepared.destination) + ": is not where it was installed, and not sealed");
  for (std::string& failure : stores_.finish())
    // What cannot be sealed cannot be sealed by either.
    if (std::ranges::find(failures_, failure) == failures_.end()) failures_.push_back(std::move(failure));
  // Nothing of it is there.
  if (!is_installed) failures_.clear();
  prepared_.clear();
  contents_ = {};
  return std::exchange(failures_, {});
}

}  // namespace bpfgate::rpm_plugin
