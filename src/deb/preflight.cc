// SPDX-License-Identifier: MIT
#include "deb/preflight.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <map>

#include "base/io.h"
#include "deb/future.h"
#include "store/choice.h"

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

// By each algorithm that a store may use.
Result<std::vector<fsverity::Digest>> digests_of(int fd) {
  std::vector<fsverity::Digest> digests;
  for (fsverity::Algorithm algorithm : algorithms) {
    fsverity::Parameters parameters;
    parameters.algorithm = algorithm;
    TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd, parameters));
    digests.push_back(std::move(digest));
  }
  return digests;
}

// A digest that is listed is of no use to a file that nobody seals.
Conclusion without_store(const std::vector<fsverity::Digest>& digests, const evidence::Trust& trust) {
  Conclusion none;
  none.reason = Reason::NoSignature;
  for (const fsverity::Digest& digest : digests) {
    Conclusion sealed = evidence::conclude(digest, std::nullopt, trust);
    if (sealed.verdict != Verdict::NoEvidence) none.reason = Reason::NotSealed;
    if (sealed.reason == Reason::Revoked) return sealed;
  }
  return none;
}

// Whether anything can have evidence at all.
bool is_empty(const evidence::Trust& trust) {
  return trust.signers.empty() && trust.digests.empty() && trust.volumes.empty() && !trust.signed_volumes;
}

class Preflight {
 public:
  Preflight(const std::vector<Change>& changes, const evidence::Trust& trust, const std::vector<Diversion>& diversions)
      : trust_(trust), diversions_(diversions), future_(changes, diversions) {}

  // Files of a package that goes, or is replaced.
  Result<> note(const std::string& package, const std::vector<std::string>& files) {
    for (const std::string& file : files) {
      std::string name = installed_at(file, package, diversions_);
      TRY(note_one(name));
      struct stat status = {};
      if (::lstat(name.c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) future_.take_away(name);
    }
    return {};
  }

  Result<> look_ahead(const std::map<std::string, store::Store>& stores_of_host) {
    TRY(future_.read_archives());
    // A package may replace files of others, and of nobody's.
    for (const std::string& name : future_.brought_below("")) TRY(note_one(name));
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
      if (!store::is_loss(now, then)) continue;
      if (losses.contains(place->name) && name != place->name) continue;
      losses.insert_or_assign(place->name, loss_of(*change, name, now, then));
    }
    std::vector<Loss> list;
    list.reserve(losses.size());
    for (auto& [name, loss] : losses) list.push_back(std::move(loss));
    return list;
  }

 private:
  using Key = std::pair<std::string, std::string>;  // where the file would be, and its digest

  static Loss loss_of(const Change& change, const std::string& name, const Conclusion& now, const Conclusion& then) {
    Loss loss{change.package, change.new_version, name, now.verdict, then.verdict, then.reason};
    if (then.verdict == now.verdict) loss.missing_grants = store::missing_grants(now, then);
    return loss;
  }

  // A name that leads to something proven is to do so still.
  Result<> note_one(const std::string& name) {
    TRY_ASSIGN(Conclusion conclusion, conclusion_now(name));
    if (conclusion.verdict != Verdict::NoEvidence) proven_[future_.canonical(name)] = std::move(conclusion);
    return {};
  }

  // Many links lead to one file.
  Result<Conclusion> conclusion_now(const std::string& name) {
    std::error_code error;
    fs::path file = fs::canonical(name, error);
    if (error) return Conclusion();
    if (auto known = conclusions_.find(file); known != conclusions_.end()) return known->second;
    TRY_ASSIGN(Conclusion conclusion, conclusion_on(file, trust_));
    return conclusions_[file] = std::move(conclusion);
  }

  // One that cannot be read is not applied either.
  Result<> add_brought(const std::string& name) {
    TRY_ASSIGN(std::optional<Place> place, future_.resolve(name));
    if (!place) return {};
    auto loaded = store::load(place->file);
    return loaded ? add(*loaded) : Result<>();
  }

  // Stores are about the files that they list, and no others of the same content.
  Result<> add(const store::Store& store) {
    for (const store::Entry& entry : store.entries) {
      TRY_ASSIGN(std::optional<Place> place, future_.resolve(entry.path));
      if (place) entries_.emplace(Key(place->name, fsverity::to_string(entry.digest)), entry);
    }
    return {};
  }

  // As applying makes it, of what stores say of its content; what is in no store nobody seals.
  Result<Conclusion> conclusion_by_stores(const Place& place, int fd) {
    TRY_ASSIGN(const std::vector<fsverity::Digest> digests, digests_of(fd));
    store::Versions versions;
    for (const fsverity::Digest& digest : digests) {
      auto [first, last] = entries_.equal_range(Key(place.name, fsverity::to_string(digest)));
      for (auto entry = first; entry != last; ++entry) versions.push_back(&entry->second);
    }
    TRY_ASSIGN(const bool is_code, store::is_code(fd));
    std::optional<store::Choice> choice = is_code ? store::choose(versions, trust_) : std::nullopt;
    return choice ? std::move(choice->conclusion) : without_store(digests, trust_);
  }

  // Where IMA counts, a file that applying would make less of stays without a seal.
  Result<Conclusion> conclusion_then(const Place& place) {
    if (place.brings == nullptr) return conclusion_on(place.file, trust_);
    TRY_ASSIGN(const UniqueFd fd, open_file(place.file, O_RDONLY));
    TRY_ASSIGN(Conclusion sealed, conclusion_by_stores(place, fd.get()));
    if (!trust_.ima) return sealed;
    TRY_ASSIGN(const ima::Digest digest, ima::compute(fd.get(), trust_.ima_algorithm));
    Conclusion unsealed = evidence::conclude(digest, std::nullopt, trust_);
    return store::is_loss(unsealed, sealed) ? std::move(unsealed) : std::move(sealed);
  }

  const evidence::Trust& trust_;
  const std::vector<Diversion>& diversions_;
  Future future_;
  std::map<std::string, Conclusion> proven_;    // by canonical name
  std::map<fs::path, Conclusion> conclusions_;  // of files
  std::multimap<Key, store::Entry> entries_;
};

}  // namespace

Result<std::vector<Loss>> losses_by(const std::vector<Change>& changes, const evidence::Trust& trust,
                                    const Host& host) {
  if (is_empty(trust)) return std::vector<Loss>{};
  TRY_ASSIGN(const std::vector<Diversion> diversions, host.diversions());
  Preflight preflight(changes, trust, diversions);
  for (const Change& change : changes) {
    if (change.installed.empty()) continue;
    TRY_ASSIGN(std::vector<std::string> files, host.files(change.installed));
    TRY(preflight.note(change.installed, files));
  }
  TRY_ASSIGN(const auto stores, host.stores());
  TRY(preflight.look_ahead(stores));
  return preflight.losses();
}

}  // namespace bpfgate::deb
