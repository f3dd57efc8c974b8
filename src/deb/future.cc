// SPDX-License-Identifier: MIT
#include "deb/future.h"

#include <sys/stat.h>

namespace bpfgate::deb {

namespace fs = std::filesystem;

namespace {

constexpr int max_links = 40;  // as the kernel's MAXSYMLINKS

}  // namespace

std::string Future::canonical(const std::string& name) {
  fs::path path(name);
  std::string directory = path.parent_path().string();
  auto known = directories_.find(directory);
  if (known == directories_.end()) {
    std::error_code error;
    fs::path whole = fs::weakly_canonical(directory, error);
    known = directories_.emplace(directory, error ? directory : whole.string()).first;
  }
  return (fs::path(known->second) / path.filename()).string();
}

Result<> Future::read_archives() {
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (changes_[i].archive.empty()) continue;
    TRY_ASSIGN(Archive archive, Archive::open(changes_[i].archive));
    for (const std::string& name : archive.names())
      sources_[canonical(installed_at(name, changes_[i].package, diversions_))] = {i, name};
    archives_.emplace(i, std::move(archive));
  }
  return {};
}

Result<fs::path> Future::find(const std::string& name, const Change*& brings) {
  brings = nullptr;
  auto source = sources_.find(name);
  if (source == sources_.end()) return gone_.contains(name) ? fs::path() : fs::path(name);
  brings = &changes_[source->second.change];
  return archives_.at(source->second.change).find(source->second.name);
}

Result<std::optional<Place>> Future::resolve(const std::string& name) {
  Place place{canonical(name), {}};
  for (int links = 0; links < max_links; ++links) {
    TRY_ASSIGN(place.file, find(place.name, place.brings));
    struct stat status = {};
    if (place.file.empty() || ::lstat(place.file.c_str(), &status) != 0) return std::nullopt;
    if (S_ISREG(status.st_mode)) return place;
    if (!S_ISLNK(status.st_mode)) return std::nullopt;
    if (place.brings != nullptr) place.redirects = place.brings;
    std::error_code error;
    fs::path target = fs::read_symlink(place.file, error);
    if (error) return fail_errno(place.file.string(), error.value());
    place.name = canonical((fs::path(place.name).parent_path() / target).lexically_normal().string());
  }
  return std::nullopt;
}

std::vector<std::string> Future::brought_below(const std::string& directory) const {
  std::vector<std::string> names;
  for (auto source = sources_.lower_bound(directory + "/"); source != sources_.end(); ++source) {
    if (!source->first.starts_with(directory + "/")) break;
    names.push_back(source->first);
  }
  return names;
}

bool Future::stays(const std::string& name) {
  std::string known = canonical(name);
  return !sources_.contains(known) && !gone_.contains(known);
}

}  // namespace bpfgate::deb
