// SPDX-License-Identifier: MIT
#include "store/apply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include "base/io.h"
#include "evidence/evidence.h"

namespace bpfgate::store {
namespace {

// All that the store has of one path.
using Versions = std::vector<const Entry*>;

struct Found {
  const Entry* entry = nullptr;  // null: none is of the file's content
  bool is_sealed = false;
};

fsverity::Parameters parameters_of(const fsverity::Digest& digest) {
  fsverity::Parameters parameters;
  parameters.algorithm = digest.algorithm;
  return parameters;
}

// A sealed file is known by the kernel's measurement; of others each algorithm that is listed is computed once.
Result<Found> find_version(int fd, const Versions& versions) {
  TRY_ASSIGN(std::optional<fsverity::Digest> measured, fsverity::measure(fd));
  std::map<fsverity::Algorithm, fsverity::Digest> computed;
  for (const Entry* entry : versions) {
    const fsverity::Algorithm algorithm = entry->digest.algorithm;
    if (!measured && !computed.contains(algorithm)) {
      TRY_ASSIGN(computed[algorithm], fsverity::compute(fd, parameters_of(entry->digest)));
    }
    if (entry->digest == (measured ? *measured : computed[algorithm])) return Found{entry, measured.has_value()};
  }
  return Found{nullptr, measured.has_value()};
}

Result<> check_signer(const Entry& entry, const crypto::Certificate* certificate) {
  if (certificate == nullptr) return {};
  auto finding = crypto::check_detached(entry.signature, evidence::signed_message(entry.digest), *certificate);
  if (finding == crypto::SignatureCheck::Valid) return {};
  return fail(ErrorKind::Refused, "the store's signature is not one by " + certificate->subject() + " of this content",
              "get the package from who signs for this host, or leave out --cert");
}

Result<bool> write_signature(int fd, const Bytes& signature) {
  TRY_ASSIGN(std::optional<Bytes> present, evidence::read_signature(fd));
  if (present == signature) return false;
  TRY(set_xattr(fd, evidence::signature_xattr, signature));
  return true;
}

// Its signature may have come by another store: a companion's, to this package's own.
Result<Outcome> without_signature(int fd) {
  TRY_ASSIGN(std::optional<Bytes> present, evidence::read_signature(fd));
  return present ? Outcome::AlreadyThere : Outcome::NoSignature;
}

Result<Outcome> apply_to(int fd, const Versions& versions, const Application& application) {
  TRY_ASSIGN(Found found, find_version(fd, versions));
  if (found.entry == nullptr) return Outcome::OtherContent;
  if (found.entry->signature.empty()) return without_signature(fd);
  TRY(check_signer(*found.entry, application.certificate));
  TRY_ASSIGN(bool wrote, write_signature(fd, found.entry->signature));
  if (found.is_sealed || !application.seal) return wrote ? Outcome::Applied : Outcome::AlreadyThere;
  TRY(fsverity::seal(fd, parameters_of(found.entry->digest)));
  return Outcome::Applied;
}

Result<Outcome> apply_below(int root, const std::string& path, const Versions& versions,
                            const Application& application) {
  auto fd = open_in_root(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
  if (!fd && (fd.error().code == ENOENT || fd.error().code == ENOTDIR)) return Outcome::Absent;
  if (!fd) return Failure(std::move(fd).error());
  struct stat status = {};
  if (::fstat(fd->get(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::Failed, path + ": not a regular file");
  Result<Outcome> outcome = apply_to(fd->get(), versions, application);
  if (!outcome) return Failure(std::move(outcome).error().within(path));
  return outcome;
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Applied:
      return "applied";
    case Outcome::AlreadyThere:
      return "already-there";
    case Outcome::OtherContent:
      return "other-content";
    case Outcome::NoSignature:
      return "no-signature";
    case Outcome::Absent:
      return "absent";
  }
  return "other-content";
}

std::vector<Applied> apply(const Store& store, const Application& application) {
  std::map<std::string, Versions> by_path;
  for (const Entry& entry : store.entries) by_path[entry.path].push_back(&entry);
  auto root = open_file(application.root, O_PATH | O_DIRECTORY);
  std::vector<Applied> applied;
  for (const auto& [path, versions] : by_path) {
    Result<Outcome> outcome =
        root ? apply_below(root->get(), path, versions, application) : Result<Outcome>(Failure(root.error()));
    applied.push_back({path, std::move(outcome)});
  }
  return applied;
}

}  // namespace bpfgate::store
