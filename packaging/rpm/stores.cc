// SPDX-License-Identifier: MIT
#include "stores.h"

#include <algorithm>
#include <filesystem>

#include "store/apply.h"

namespace bpfgate::rpm_plugin {
namespace {

namespace fs = std::filesystem;

bool is_store(const std::string& name) {
  const fs::path path(name);
  return path.extension() == ".json" && std::ranges::any_of(store::directories, [&](const char* directory) {
           return path.parent_path() == directory;
         });
}

// Empty: as it should be.
std::string trouble_of(const store::Applied& applied) {
  if (!applied.outcome) return line(applied.outcome.error());
  switch (*applied.outcome) {
    case store::Outcome::OtherContent:
      return printable(applied.path) + ": is listed in a store of signatures, and none that counts is of its content";
    case store::Outcome::NoSignature:
      return printable(applied.path) + ": is listed in a store of signatures, and nobody has signed it yet";
    case store::Outcome::Applied:
    case store::Outcome::AlreadyThere:
    case store::Outcome::Absent:
      break;
  }
  return {};
}

}  // namespace

std::string line(const Error& error) {
  return error.remedy.empty() ? error.message : error.message + " (" + error.remedy + ")";
}

std::string line(const std::string& file, const Error& error) { return printable(file) + ": " + line(error); }

void Stores::begin(std::map<std::string, bool> names) {
  // One that goes must not be remembered.
  if (std::ranges::any_of(names, [](const auto& name) { return is_store(name.first); })) is_loaded_ = false;
  names_ = std::move(names);
  troubles_.clear();
}

void Stores::load_store(const std::string& name) {
  for (auto& [path, listed] : listed_) std::erase_if(listed, [&](const Listed& one) { return one.store == name; });
  troubles_.erase(name);
  auto loaded = store::load(root_ + name);
  if (!loaded) {
    troubles_[name] = line(loaded.error());
    return;
  }
  for (store::Entry& entry : loaded->entries) {
    std::vector<Listed>& listed = listed_[entry.path];
    listed.push_back({name, std::move(entry)});
  }
}

void Stores::load() {
  if (std::exchange(is_loaded_, true)) return;
  listed_.clear();
  auto files = store::find_stores(root_.empty() ? "/" : root_);
  if (!files) {
    troubles_[""] = line(files.error());
    return;
  }
  for (const fs::path& file : *files) load_store(file.native().substr(root_.size()));
}

// A signature that does not count is as if it were not listed.
void Stores::apply_to(const std::string& name, const Check& check) {
  auto own = names_.find(name);
  auto found = listed_.find(name);
  if (found == listed_.end() || found->second.empty() || (own != names_.end() && own->second)) return;
  store::Store chosen;
  for (const Listed& listed : found->second)
    if (listed.entry.signature.empty() || check(listed.entry.signature, listed.entry.digest))
      chosen.entries.push_back(listed.entry);
  store::Application application;
  if (!root_.empty()) application.root = root_;
  std::vector<store::Applied> applied = store::apply(chosen, application);
  if (applied.empty()) applied.push_back({name, store::Outcome::OtherContent});
  troubles_.erase(name);
  // What a store says of another package's file may be about another version of it, which is no trouble of this one's.
  if (own == names_.end() && applied.front().outcome) return;
  if (std::string trouble = trouble_of(applied.front()); !trouble.empty()) troubles_[name] = std::move(trouble);
}

void Stores::commit(const std::string& path, const Check& check) {
  load();
  const std::string name = path.substr(root_.size());
  if (!is_store(name)) return apply_to(name, check);
  load_store(name);
  std::vector<std::string> paths;
  for (const auto& [listed_path, listed] : listed_)
    if (std::ranges::any_of(listed, [&](const Listed& one) { return one.store == name; })) paths.push_back(listed_path);
  for (const std::string& listed_path : paths) apply_to(listed_path, check);
}

std::vector<std::string> Stores::finish() {
  std::vector<std::string> lines;
  for (const auto& [subject, trouble] : troubles_) lines.push_back(trouble);
  troubles_.clear();
  return lines;
}

}  // namespace bpfgate::rpm_plugin
