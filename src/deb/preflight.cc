// SPDX-License-Identifier: MIT
#include "deb/preflight.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <map>

#include "base/io.h"
#include "deb/future.h"

namespace bpfgate::deb {
namespace {

namespace fs = std::filesystem;
using evidence::Conclusion;
using evidence::Reason;
using evidence::Verdict;

constexpr std::array algorithms = {fsverity::Algorithm::Sha256, fsverity::Algorithm::Sha512};

// Nothing but a regular file has evidence.
Result<Conclusion> conclusion_on(const fs::path& file, const evidence::Trust& trust) {
  struct stat status = {};
  if (::stat(file.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return Conclusion();
  auto fd = open_file(file, O_RDONLY | O_NONBLOCK);
  if (!fd && fd.error().code == ENOENT) return Conclusion();
  if (!fd) return Failure(std::move(fd).error());
  auto conclusion = evidence::conclude(fd->get(), trust);
  if (!conclusion) return Failure(std::move(conclusion).error().within(file.string()));
  return conclusion;
}

// fs-verity's by each algorithm that a store may use; and IMA's where that counts, for files that are not sealed.
Result<std::vector<evidence::Digest>> digests_of(const fs::path& file, const evidence::Trust& trust) {
  TRY_ASSIGN(const UniqueFd fd, open_file(file, O_RDONLY));
  std::vector<evidence::Digest> digests;
  for (fsverity::Algorithm algorithm : algorithms) {
    fsverity::Parameters parameters;
    parameters.algorithm = algorithm;
    TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd.get(), parameters));
    digests.emplace_back(digest);
  }
  if (trust.ima) {
    TRY_ASSIGN(ima::Digest digest, ima::compute(fd.get(), trust.ima_algorithm));
    digests.emplace_back(digest);
  }
  return digests;
}

int rank(Verdict verdict) { return verdict == Verdict::Loader ? 2 : verdict == Verdict::Library ? 1 : 0; }

// Of several reasons why there is no evidence, the one that says most: of a signature rather than of none.
int weight(Reason reason) {
  switch (reason) {
    case Reason::Revoked:
      return 4;
    case Reason::SignatureMismatch:
      return 3;
    case Reason::SignatureUntrusted:
      return 2;
    case Reason::SignatureMalformed:
    case Reason::SignatureTooLarge:
      return 1;
    default:
      return 0;
  }
}

void improve(Conclusion& best, Conclusion other) {
  bool says_more = rank(other.verdict) == 0 && rank(best.verdict) == 0 && weight(other.reason) > weight(best.reason);
  if (rank(other.verdict) > rank(best.verdict) || says_more) best = std::move(other);
}

class Preflight {
 public:
  Preflight(const std::vector<Change>& changes, const evidence::Trust& trust, const std::vector<Diversion>& diversions)
      : trust_(trust), diversions_(diversions), future_(changes, diversions) {}

  // Files of a package that goes, or is replaced: each name that leads to something proven is to do so still.
  Result<> note(const std::string& package, const std::vector<std::string>& files) {
    for (const std::string& file : files) {
      std::string name = installed_at(file, package, diversions_);
      TRY_ASSIGN(Verdict verdict, verdict_now(name));
      if (verdict != Verdict::NoEvidence) proven_[future_.canonical(name)] = verdict;
      struct stat status = {};
      if (::lstat(name.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) future_.take_away(name);
    }
    return {};
  }

  [[nodiscard]] bool is_about_nothing() const { return proven_.empty(); }

  Result<> look_ahead(const std::map<std::string, store::Store>& stores_of_host) {
    TRY(future_.read_archives());
    for (const auto& [file, store] : stores_of_host)
      if (future_.stays(file)) TRY(add(store));
    for (const char* directory : store::directories)
      for (const std::string& name : future_.brought_below(directory))
        if (store::is_store(name)) TRY(add_brought(name));
    return {};
  }

  Result<std::vector<Loss>> losses() {
    // By the file that is at the end, for several names may lead there.
    std::map<std::string, Loss> losses;
    for (const auto& [name, now] : proven_) {
      TRY_ASSIGN(std::optional<Place> place, future_.resolve(name));
      if (!place) continue;
      const Change* change = place->brings != nullptr ? place->brings : place->redirects;
      if (change == nullptr) continue;
      TRY_ASSIGN(Conclusion then, conclusion_then(*place));
      if (rank(then.verdict) >= rank(now)) continue;
      if (losses.contains(place->name) && name != place->name) continue;
      losses.insert_or_assign(place->name,
                              Loss{change->package, change->new_version, name, now, then.verdict, then.reason});
    }
    std::vector<Loss> list;
    list.reserve(losses.size());
    for (auto& [name, loss] : losses) list.push_back(std::move(loss));
    return list;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // where the file would be, and its digest

  // Many links lead to one file.
  Result<Verdict> verdict_now(const std::string& name) {
    std::error_code error;
    fs::path file = fs::canonical(name, error);
    if (error) return Verdict::NoEvidence;
    if (auto known = verdicts_.find(file); known != verdicts_.end()) return known->second;
    TRY_ASSIGN(Conclusion conclusion, conclusion_on(file, trust_));
    return verdicts_[file] = conclusion.verdict;
  }

  // One that cannot be read is not applied either.
  Result<> add_brought(const std::string& name) {
    TRY_ASSIGN(std::optional<Place> place, future_.resolve(name));
    if (!place) return {};
    auto loaded = store::load(place->file);
    return loaded ? add(*loaded) : Result<>();
  }

  // Signatures are put on the files that are listed, so they count there only.
  Result<> add(const store::Store& store) {
    for (const store::Entry& entry : store.entries) {
      if (entry.signature.empty()) continue;
      TRY_ASSIGN(std::optional<Place> place, future_.resolve(entry.path));
      if (place) signatures_.emplace(Key(place->name, fsverity::to_string(entry.digest)), entry.signature);
    }
    return {};
  }

  // A new file is judged by what it holds, with the best of the signatures that are of it: that one is applied.
  Result<Conclusion> conclusion_then(const Place& place) {
    if (place.brings == nullptr) return conclusion_on(place.file, trust_);
    TRY_ASSIGN(const std::vector<evidence::Digest> digests, digests_of(place.file, trust_));
    Conclusion best;
    best.reason = Reason::NoSignature;
    for (const evidence::Digest& digest : digests) {
      improve(best, evidence::conclude(digest, std::nullopt, trust_));
      if (digest.kind != evidence::DigestKind::FsVerity) continue;
      auto [first, last] = signatures_.equal_range(Key(place.name, evidence::to_string(digest)));
      for (auto signature = first; signature != last; ++signature)
        improve(best, evidence::conclude(digest, signature->second, trust_));
    }
    return best;
  }

  const evidence::Trust& trust_;
  const std::vector<Diversion>& diversions_;
  Future future_;
  std::map<std::string, Verdict> proven_;  // by canonical name
  std::map<fs::path, Verdict> verdicts_;   // of files
  std::multimap<Key, Bytes> signatures_;
};

}  // namespace

Result<std::vector<Loss>> losses_by(const std::vector<Change>& changes, const evidence::Trust& trust,
                                    const Host& host) {
  TRY_ASSIGN(const std::vector<Diversion> diversions, host.diversions());
  Preflight preflight(changes, trust, diversions);
  for (const Change& change : changes) {
    if (change.installed.empty()) continue;
    TRY_ASSIGN(std::vector<std::string> files, host.files(change.installed));
    TRY(preflight.note(change.installed, files));
  }
  // Most upgrades: no package need be looked into for that.
  if (preflight.is_about_nothing()) return std::vector<Loss>{};
  TRY_ASSIGN(const auto stores, host.stores());
  TRY(preflight.look_ahead(stores));
  return preflight.losses();
}

}  // namespace bpfgate::deb
