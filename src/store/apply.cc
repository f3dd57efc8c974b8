// SPDX-License-Identifier: MIT
#include "store/apply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/io.h"
#include "store/choice.h"

namespace bpfgate::store {
namespace {

struct Content {
  Versions entries;  // those that are of what the file holds
  bool is_sealed = false;
};

fsverity::Parameters parameters_of(const fsverity::Digest& digest) {
  fsverity::Parameters parameters;
  parameters.algorithm = digest.algorithm;
  return parameters;
}

// A sealed file is known by the kernel's measurement; of others each algorithm that is listed is computed once.
Result<Content> content_of(int fd, const Versions& versions) {
  TRY_ASSIGN(std::optional<fsverity::Digest> measured, fsverity::measure(fd));
  std::map<fsverity::Algorithm, fsverity::Digest> computed;
  Content content{{}, measured.has_value()};
  for (const Entry* entry : versions) {
    const fsverity::Algorithm algorithm = entry->digest.algorithm;
    if (!measured && !computed.contains(algorithm)) {
      TRY_ASSIGN(computed[algorithm], fsverity::compute(fd, parameters_of(entry->digest)));
    }
    if (entry->digest == (measured ? *measured : computed[algorithm])) content.entries.push_back(entry);
  }
  return content;
}

bool is_by(const Entry& entry, const crypto::Certificate& certificate) {
  return crypto::check_detached(entry.signature, evidence::signed_message(entry.digest), certificate) ==
         crypto::SignatureCheck::Valid;
}

// The entries whose signatures may be put on the file.
Result<Versions> candidates_of(const Content& content, const crypto::Certificate* certificate) {
  Versions candidates;
  bool is_signed = false;
  for (const Entry* entry : content.entries) {
    if (entry->signature.empty()) continue;
    is_signed = true;
    if (certificate == nullptr || is_by(*entry, *certificate)) candidates.push_back(entry);
  }
  if (is_signed && candidates.empty())
    return fail(ErrorKind::Refused, "no signature is one by " + certificate->subject() + " of this content",
                "get the package from who signs for this host, or leave out --cert");
  return candidates;
}

// A file that is being applied to.
struct Target {
  int fd = -1;
  Content content;
  Versions candidates;
  std::optional<Bytes> present;
};

Result<> seal(int fd, const fsverity::Digest& expected) {
  TRY_ASSIGN(const fsverity::Sealing sealing, fsverity::seal(fd, parameters_of(expected)));
  if (sealing.digest == expected) return {};
  return fail(ErrorKind::Refused, "somebody has changed it while it was sealed", "install its package anew");
}

// An empty signature: none is needed.
Result<Outcome> put(const Target& target, const Bytes& signature, const fsverity::Digest& digest,
                    bool is_to_be_sealed) {
  const bool is_written = signature.empty() || target.present == signature;
  const bool is_sealed = target.content.is_sealed || !is_to_be_sealed;
  if (is_written && is_sealed) return Outcome::AlreadyThere;
  TRY_ASSIGN(const bool may_be_sealed, is_code(target.fd));
  if (!may_be_sealed)
    return fail(ErrorKind::Refused, "is neither executable nor ELF, and nothing that a store is for",
                "use bpfgate attach and bpfgate seal if it is to be sealed all the same");
  if (!is_written) TRY(set_xattr(target.fd, evidence::signature_xattr, signature));
  if (!is_sealed) TRY(seal(target.fd, digest));
  return Outcome::Applied;
}

// Who knows nothing about signers takes nobody's signature away, nor seals a file that it may be of otherwise.
Result<Outcome> apply_without_policy(const Target& target, const Application& application) {
  if (target.candidates.empty()) return Outcome::NoSignature;
  auto is_present = [&](const Entry* entry) { return target.present == entry->signature; };
  auto chosen = std::ranges::find_if(target.candidates, is_present);
  if (chosen == target.candidates.end()) {
    const bool may_replace = application.certificate != nullptr || application.replaces;
    if (!may_replace && target.present && crypto::check_well_formed(*target.present)) return Outcome::Kept;
    chosen = target.candidates.begin();
  }
  return put(target, (*chosen)->signature, (*chosen)->digest, application.seal);
}

// What is there comes first, and so stays where it is worth as much; then what is signed, then what is only listed.
std::vector<Entry> options_of(const Target& target) {
  std::vector<Entry> options;
  for (const Entry* entry : target.content.entries)
    if (target.present) options.push_back({entry->path, entry->digest, *target.present});
  for (const Entry* entry : target.candidates) options.push_back(*entry);
  for (const Entry* entry : target.content.entries)
    if (entry->signature.empty()) options.push_back(*entry);
  return options;
}

// IMA's signature is in the place where the other goes, and that is worth nothing on a file that is not sealed.
Result<bool> stays_as_it_is(const Target& target, const evidence::Conclusion& now, const evidence::Conclusion& then,
                            bool is_to_be_sealed) {
  if (is_loss(now, then)) return true;
  if (now.reason != evidence::Reason::ImaSignature) return false;
  if (!is_gain(now, then) || !is_to_be_sealed) return true;
  TRY_ASSIGN(const bool can_be_sealed, fsverity::is_supported(target.fd));
  return !can_be_sealed;
}

Result<Outcome> apply_by_policy(const Target& target, const Application& application) {
  const std::vector<Entry> options = options_of(target);
  Versions pointers;
  for (const Entry& option : options) pointers.push_back(&option);
  const std::optional<Choice> choice = choose(pointers, *application.trust);
  TRY_ASSIGN(const evidence::Conclusion now, evidence::conclude(target.fd, *application.trust));
  if (choice) {
    TRY_ASSIGN(const bool stays, stays_as_it_is(target, now, choice->conclusion, application.seal));
    if (stays) return Outcome::Kept;
  }
  if (choice && choice->conclusion.verdict != evidence::Verdict::NoEvidence)
    return put(target, choice->signature, choice->digest, application.seal);
  return target.candidates.empty() ? Outcome::NoSignature : Outcome::Untrusted;
}

Result<Outcome> apply_to(int fd, const Versions& versions, const Application& application) {
  Target target{fd, {}, {}, {}};
  TRY_ASSIGN(target.content, content_of(fd, versions));
  if (target.content.entries.empty()) return Outcome::OtherContent;
  TRY_ASSIGN(target.candidates, candidates_of(target.content, application.certificate));
  TRY_ASSIGN(target.present, evidence::read_signature(fd));
  return application.trust != nullptr ? apply_by_policy(target, application)
                                      : apply_without_policy(target, application);
}

Result<Outcome> apply_below(const std::string& path, const Versions& versions, const Application& application) {
  auto fd = open_regular_in_root(application.root, path);
  if (!fd && (fd.error().code == ENOENT || fd.error().code == ENOTDIR)) return Outcome::Absent;
  if (!fd) return Failure(std::move(fd).error());
  Result<Outcome> outcome = apply_to(fd->get(), versions, application);
  if (!outcome) return Failure(std::move(outcome).error().within(path));
  return outcome;
}

// Which file a path leads to, whatever it is called on the way; what is not there is its path.
std::string file_at(int root, const std::string& path) {
  auto fd = open_in_root(root, path, O_PATH);
  struct stat status = {};
  if (!fd || ::fstat(fd->get(), &status) != 0) return path;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino);
}

// What is said of one file.
struct Listing {
  std::vector<std::string> names;
  Versions versions;
};

std::vector<Listing> listings_of(int root, const std::vector<Entry>& entries) {
  std::map<std::string, Versions> by_path;
  for (const Entry& entry : entries) by_path[entry.path].push_back(&entry);
  std::map<std::string, size_t> known;
  std::vector<Listing> listings;
  for (const auto& [path, versions] : by_path) {
    auto [place, is_new] = known.try_emplace(file_at(root, path), listings.size());
    if (is_new) listings.emplace_back();
    Listing& listing = listings[place->second];
    listing.names.push_back(path);
    listing.versions.insert(listing.versions.end(), versions.begin(), versions.end());
  }
  return listings;
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::Applied:
      return "applied";
    case Outcome::AlreadyThere:
      return "already-there";
    case Outcome::Kept:
      return "kept";
    case Outcome::Untrusted:
      return "untrusted";
    case Outcome::OtherContent:
      return "other-content";
    case Outcome::NoSignature:
      return "no-signature";
    case Outcome::Absent:
      return "absent";
  }
  return "other-content";
}

std::vector<Entry> entries_for(int root, const std::vector<Store>& stores,
                               const std::function<bool(const Store&)>& is_wanted) {
  std::map<std::string, std::string> files;  // by path
  std::set<std::string> wanted;
  for (const Store& store : stores)
    for (const Entry& entry : store.entries) {
      auto [place, is_new] = files.try_emplace(entry.path);
      if (is_new) place->second = file_at(root, entry.path);
      if (is_wanted(store)) wanted.insert(place->second);
    }
  std::vector<Entry> entries;
  for (const Store& store : stores)
    for (const Entry& entry : store.entries)
      if (wanted.contains(files.at(entry.path))) entries.push_back(entry);
  return entries;
}

std::vector<Applied> apply(const std::vector<Entry>& entries, const Application& application) {
  // What is on a trusted volume cannot be written. And the device mapper answers root alone, who need not build images.
  evidence::Trust without_volumes;
  Application own = application;
  if (application.trust != nullptr) {
    without_volumes = *application.trust;
    without_volumes.volumes.clear();
    without_volumes.signed_volumes = false;
    own.trust = &without_volumes;
  }
  std::vector<Applied> applied;
  for (Listing& listing : listings_of(own.root, entries)) {
    const std::string path = listing.names.front();
    applied.push_back({path, std::move(listing.names), apply_below(path, listing.versions, own)});
  }
  return applied;
}

}  // namespace bpfgate::store
