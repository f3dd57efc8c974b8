// SPDX-License-Identifier: MIT
#include "deb/preflight.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <array>
#include <map>
#include <sstream>

#include "base/io.h"
#include "base/process.h"
#include "deb/archive.h"
#include "store/store.h"

namespace bpfgate::deb {
namespace {

namespace fs = std::filesystem;
using evidence::Verdict;

// By the directory as it is on the host: /bin/x and /usr/bin/x may be one file.
std::string canonical(const std::string& path) {
  std::error_code error;
  fs::path directory = fs::weakly_canonical(fs::path(path).parent_path(), error);
  return error ? path : (directory / fs::path(path).filename()).string();
}

// Nothing but a regular file has evidence; links to one are not what is replaced.
Result<Verdict> verdict_on(const std::string& path, const evidence::Trust& trust) {
  struct stat status = {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return Verdict::NoEvidence;
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd && fd.error().code == ENOENT) return Verdict::NoEvidence;
  if (!fd) return Failure(std::move(fd).error());
  auto conclusion = evidence::conclude(fd->get(), trust);
  if (!conclusion) return Failure(std::move(conclusion).error().within(path));
  return conclusion->verdict;
}

struct Replacement {
  const Change* change = nullptr;
  std::string path;
  // fs-verity's by each algorithm that a store may use; and IMA's where that counts, for files that are not sealed.
  std::vector<evidence::Digest> digests;
};

constexpr std::array algorithms = {fsverity::Algorithm::Sha256, fsverity::Algorithm::Sha512};

class Preflight {
 public:
  explicit Preflight(const evidence::Trust& trust) : trust_(trust) {}

  Result<> note_proven(const std::vector<std::string>& paths) {
    for (const std::string& path : paths) {
      TRY_ASSIGN(Verdict verdict, verdict_on(path, trust_));
      if (verdict != Verdict::NoEvidence) proven_[canonical(path)] = verdict;
    }
    return {};
  }

  [[nodiscard]] bool is_about_nothing() const { return proven_.empty(); }

  Result<> look_into(const Change& change) {
    Visitor visitor{[&](const std::string& path) { return is_store(path) || proven_.contains(canonical(path)); },
                    [&](const std::string& path, int fd) { return take(change, path, fd); }};
    return visit(change.archive, visitor);
  }

  Result<> add_stores_of_host() {
    TRY_ASSIGN(std::vector<fs::path> files, store::find_stores("/"));
    for (const fs::path& file : files) {
      // One that cannot be read is not applied either.
      if (auto loaded = store::load(file)) add(*loaded);
    }
    return {};
  }

  [[nodiscard]] std::vector<Loss> losses() const {
    std::vector<Loss> losses;
    for (const Replacement& replacement : replacements_) {
      evidence::Conclusion best = conclusion_on(replacement);
      Verdict now = proven_.at(canonical(replacement.path));
      if (best.verdict == now || (now == Verdict::Library && best.verdict == Verdict::Loader)) continue;
      losses.push_back(
          {replacement.change->package, replacement.change->new_version, replacement.path, now, best.reason});
    }
    return losses;
  }

 private:
  static bool is_store(const std::string& path) {
    return path.starts_with(std::string(store::directories[0]) + "/") && path.ends_with(".json");
  }

  Result<> take(const Change& change, const std::string& path, int fd) {
    if (is_store(path)) return take_store(path, fd);
    Replacement replacement{&change, path, {}};
    for (fsverity::Algorithm algorithm : algorithms) {
      fsverity::Parameters parameters;
      parameters.algorithm = algorithm;
      TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd, parameters));
      replacement.digests.emplace_back(digest);
    }
    if (trust_.ima) {
      TRY_ASSIGN(ima::Digest digest, ima::compute(fd, trust_.ima_algorithm));
      replacement.digests.emplace_back(digest);
    }
    replacements_.push_back(std::move(replacement));
    return {};
  }

  Result<> take_store(const std::string& path, int fd) {
    TRY_ASSIGN(std::string text, read_text_file("/proc/self/fd/" + std::to_string(fd), store::max_store_bytes));
    TRY_ASSIGN(store::Store loaded, store::parse(text, path));
    add(loaded);
    return {};
  }

  void add(const store::Store& store) {
    for (const store::Entry& entry : store.entries)
      if (!entry.signature.empty()) signatures_.emplace(fsverity::to_string(entry.digest), entry.signature);
  }

  // Listed by its digest, or with any of the signatures that are of it: the first that makes it more than nothing.
  [[nodiscard]] evidence::Conclusion conclusion_on(const Replacement& replacement) const {
    evidence::Conclusion best;
    for (const evidence::Digest& digest : replacement.digests) {
      if (best.verdict == Verdict::NoEvidence) best = evidence::conclude(digest, std::nullopt, trust_);
      auto [first, last] = signatures_.equal_range(evidence::to_string(digest));
      for (auto signature = first; signature != last && best.verdict == Verdict::NoEvidence; ++signature)
        best = evidence::conclude(digest, signature->second, trust_);
    }
    return best;
  }

  const evidence::Trust& trust_;
  std::map<std::string, Verdict> proven_;  // by canonical path
  std::vector<Replacement> replacements_;
  std::multimap<std::string, Bytes> signatures_;  // by digest
};

}  // namespace

Result<Change> change_of(const fs::path& archive) {
  std::string name = fs::absolute(archive).string();
  TRY_ASSIGN(Process query,
             Process::start({"dpkg-deb", "--show", "--showformat=${Package}:${Architecture} ${Version}", name}));
  TRY_ASSIGN(std::string text, read_text_file("/proc/self/fd/" + std::to_string(query.output()), 4096));
  TRY_ASSIGN(int status, query.wait());
  size_t blank = text.find(' ');
  if (status != 0 || blank == std::string::npos) return fail(ErrorKind::Failed, name + ": no package of dpkg's");
  std::string package = text.substr(0, blank);
  if (package.ends_with(":all")) package.resize(package.size() - 4);
  return Change{package, text.substr(blank + 1), name};
}

// Its other lines, which tell of diversions, begin with a word.
InstalledFiles files_by_dpkg() {
  return [](const std::string& package) -> Result<std::vector<std::string>> {
    // It complains of packages that are new, and of those nothing is asked.
    TRY_ASSIGN(Process query, Process::start({"dpkg-query", "--listfiles", package}, Process::Complaints::Hidden));
    TRY_ASSIGN(std::string text,
               read_text_file("/proc/self/fd/" + std::to_string(query.output()), store::max_store_bytes));
    TRY_ASSIGN(int status, query.wait());
    std::vector<std::string> files;
    std::istringstream lines(text);
    for (std::string line; status == 0 && std::getline(lines, line);)
      if (line.starts_with('/')) files.push_back(line);
    return files;
  };
}

Result<std::vector<Loss>> losses_by(const std::vector<Change>& changes, const evidence::Trust& trust,
                                    const InstalledFiles& installed_files) {
  Preflight preflight(trust);
  for (const Change& change : changes) {
    TRY_ASSIGN(std::vector<std::string> paths, installed_files(change.package));
    TRY(preflight.note_proven(paths));
  }
  // Most upgrades: no package need be unpacked for that.
  if (preflight.is_about_nothing()) return std::vector<Loss>{};
  for (const Change& change : changes) TRY(preflight.look_into(change));
  TRY(preflight.add_stores_of_host());
  return preflight.losses();
}

}  // namespace bpfgate::deb
