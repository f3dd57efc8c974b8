// SPDX-License-Identifier: MIT
#include "store/apply.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/io.h"

namespace bpfgate::store {
namespace {

// Entries of one path.
using Versions = std::vector<const Entry*>;

struct Content {
  Versions entries;  // those that are of what the file holds
  bool is_sealed = false;
};

// What a file is to have.
struct Choice {
  Bytes signature;
  fsverity::Digest digest;
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

// What the policy makes of a signature: nothing, a library or a loader. That it lists the digest besides is no merit of
// the signature's.
int worth(const Bytes& signature, const fsverity::Digest& digest, const evidence::Trust* trust) {
  if (trust == nullptr) return 0;
  evidence::Conclusion conclusion = evidence::conclude(digest, signature, *trust);
  if (conclusion.reason != evidence::Reason::Signature) return 0;
  return conclusion.verdict == evidence::Verdict::Loader ? 2 : 1;
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

// The signature on the file, where it may stay: whether it is one of the candidates, or of worth by itself, and no
// other is worth more.
std::optional<Choice> choice_to_keep(const std::optional<Bytes>& present, const Content& content,
                                     const Versions& candidates, const evidence::Trust* trust, int best) {
  if (!present) return std::nullopt;
  for (const Entry* entry : content.entries) {
    int own = worth(*present, entry->digest, trust);
    bool is_candidate = std::ranges::any_of(candidates, [&](const Entry* candidate) {
      return candidate->signature == *present && candidate->digest == entry->digest;
    });
    if ((is_candidate || own > 0) && own >= best) return Choice{*present, entry->digest};
  }
  return std::nullopt;
}

// nullopt: there is none.
std::optional<Choice> choose(const std::optional<Bytes>& present, const Content& content, const Versions& candidates,
                             const evidence::Trust* trust) {
  const Entry* best = nullptr;
  int most = 0;
  for (const Entry* entry : candidates) {
    int own = worth(entry->signature, entry->digest, trust);
    if (best != nullptr && own <= most) continue;
    best = entry;
    most = own;
  }
  if (auto kept = choice_to_keep(present, content, candidates, trust, most)) return kept;
  if (best == nullptr) return std::nullopt;
  return Choice{best->signature, best->digest};
}

Result<Outcome> apply_to(int fd, const Versions& versions, const Application& application) {
  TRY_ASSIGN(Content content, content_of(fd, versions));
  if (content.entries.empty()) return Outcome::OtherContent;
  TRY_ASSIGN(Versions candidates, candidates_of(content, application.certificate));
  TRY_ASSIGN(std::optional<Bytes> present, evidence::read_signature(fd));
  std::optional<Choice> choice = choose(present, content, candidates, application.trust);
  if (!choice) return Outcome::NoSignature;
  bool is_written = present == choice->signature, is_sealed = content.is_sealed || !application.seal;
  if (is_written && is_sealed) return Outcome::AlreadyThere;
  if (!is_written) TRY(set_xattr(fd, evidence::signature_xattr, choice->signature));
  if (!is_sealed) TRY(fsverity::seal(fd, parameters_of(choice->digest)));
  return Outcome::Applied;
}

Result<Outcome> apply_below(const std::string& path, const Versions& versions, const Application& application) {
  auto fd = open_in_root(application.root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
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

std::vector<Entry> entries_for(const std::vector<Store>& stores, const std::function<bool(const Store&)>& is_wanted) {
  std::set<std::string> paths;
  for (const Store& store : stores)
    if (is_wanted(store))
      for (const Entry& entry : store.entries) paths.insert(entry.path);
  std::vector<Entry> entries;
  for (const Store& store : stores)
    for (const Entry& entry : store.entries)
      if (paths.contains(entry.path)) entries.push_back(entry);
  return entries;
}

std::vector<Applied> apply(const std::vector<Entry>& entries, const Application& application) {
  std::map<std::string, Versions> by_path;
  for (const Entry& entry : entries) by_path[entry.path].push_back(&entry);
  std::vector<Applied> applied;
  applied.reserve(by_path.size());
  for (const auto& [path, versions] : by_path) applied.push_back({path, apply_below(path, versions, application)});
  return applied;
}

}  // namespace bpfgate::store
