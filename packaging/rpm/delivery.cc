// SPDX-License-Identifier: MIT
#include "delivery.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "base/io.h"
#include "base/unique_fd.h"
#include "evidence/evidence.h"

namespace bpfgate::rpm_plugin {
namespace {

// The last component of a name that rpm has just made, or found to be a regular file, is no link.
constexpr int open_flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

Result<std::pair<dev_t, ino_t>> inode_of(int fd) {
  struct stat status;
  if (::fstat(fd, &status) != 0) return fail_errno("fstat");
  return std::pair(status.st_dev, status.st_ino);
}

std::string line(const std::string& file, const Error& error) {
  std::string text = printable(file) + ": " + error.message;
  if (!error.remedy.empty()) text += " (" + error.remedy + ")";
  return text;
}

}  // namespace

void Delivery::begin(Signatures signatures) {
  signatures_ = std::move(signatures);
  prepared_.clear();
  failures_.clear();
}

Result<> Delivery::check(ByteView signature, const fsverity::Digest& digest) const {
  if (signature.size() > evidence::max_signature_size)
    return fail(ErrorKind::Refused, "its signature is larger than the gate reads");
  TRY(crypto::check_well_formed(signature));
  if (certificates_.empty()) return {};
  bool is_mine = false;
  const Bytes message = evidence::signed_message(digest);
  for (const crypto::Certificate& certificate : certificates_) {
    crypto::SignatureCheck finding = crypto::check_detached(signature, message, certificate);
    if (finding == crypto::SignatureCheck::Valid) return {};
    is_mine |= finding == crypto::SignatureCheck::Mismatch;
  }
  return fail(ErrorKind::Refused,
              is_mine ? "its signature is not of this content" : "its signature is by nobody named");
}

Result<> Delivery::prepare(size_t entry, int written, const char* path, const std::string& destination) {
  if (entry >= signatures_.entries.size() || signatures_.entries[entry].empty()) return {};
  const Bytes& signature = signatures_.entries[entry];
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

// Other names lead to the directory, and somebody else may own it: what is sealed is what was checked, or nothing. A
// seal on something else could not be taken back.
Result<> Delivery::seal(const char* path, const Inode& inode, const Prepared& prepared) const {
  TRY_ASSIGN(UniqueFd fd, open_file(path, open_flags));
  TRY_ASSIGN(Inode found, inode_of(fd.get()));
  if (found != inode) return fail(ErrorKind::Refused, "somebody has replaced it after it was installed");
  TRY_ASSIGN(fsverity::Sealing sealing, fsverity::seal(fd.get(), parameters()));
  if (sealing.digest == prepared.digest) return {};
  return fail(ErrorKind::Refused, "somebody has changed it after it was installed", "install the package anew");
}

void Delivery::commit(const char* path) {
  struct stat status;
  if (prepared_.empty() || ::lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  // By inode: of hard links, rpm prepares one and commits all.
  auto found = prepared_.find({status.st_dev, status.st_ino});
  if (found == prepared_.end()) return;
  if (Result<> sealed = seal(path, found->first, found->second); !sealed)
    failures_.push_back(line(found->second.destination, sealed.error()));
  prepared_.erase(found);
}

std::vector<std::string> Delivery::finish(bool is_installed) {
  if (is_installed) {
    for (const auto& [inode, prepared] : prepared_)
      failures_.push_back(printable(prepared.destination) + ": is not where it was installed, and not sealed");
  }
  prepared_.clear();
  signatures_ = {};
  return std::exchange(failures_, {});
}

}  // namespace bpfgate::rpm_plugin
