// SPDX-License-Identifier: MIT
#include "stores.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>

#include "base/io.h"
#include "store/apply.h"

namespace bpfgate::rpm_plugin {
namespace {

namespace fs = std::filesystem;

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

Result<UniqueFd> Stores::open_root() const { return open_file(root_.empty() ? "/" : root_, O_PATH | O_DIRECTORY); }

void Stores::begin(std::map<std::string, bool> names) {
  // One that goes must not be remembered.
  if (std::ranges::any_of(names, [](const auto& name) { return store::is_store(name.first); })) is_loaded_ = false;
  names_ = std::move(names);
  troubles_.clear();
}

void Stores::load_store(int root, const std::string& name) {
  for (auto& [path, listed] : listed_) std::erase_if(listed, [&](const Listed& one) { return one.store == name; });
  troubles_.erase(name);
  auto loaded = store::load_below(root, name);
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
  auto load_all = [&]() -> Result<> {
    TRY_ASSIGN(const UniqueFd root, open_root());
    TRY_ASSIGN(const std::vector<fs::path> files, store::find_stores(root.get()));
    for (const fs::path& file : files) load_store(root.get(), file);
    return {};
  };
  if (auto done = load_all(); !done) troubles_[""] = line(done.error());
}

// A signature that does not count is as if it were not listed.
void Stores::apply_to(int root, const std::string& name, const Check& check) {
  auto own = names_.find(name);
  auto found = listed_.find(name);
  if (found == listed_.end() || found->second.empty() || (own != names_.end() && own->second)) return;
  std::vector<store::Entry> chosen;
  for (const Listed& listed : found->second)
    if (listed.entry.signature.empty() || check(listed.entry.signature, listed.entry.digest))
      chosen.push_back(listed.entry);
  store::Application application;
  application.root = root;
  std::vector<store::Applied> applied = store::apply(chosen, application);
  if (applied.empty()) applied.push_back({name, store::Outcome::OtherContent});
  troubles_.erase(name);
  // What a store says of another package's file may be about another version of it, which is no trouble of this one's.
  if (own == names_.end() && applied.front().outcome) return;
  if (std::string trouble = trouble_of(applied.front()); !trouble.empty()) troubles_[name] = std::move(trouble);
}

void Stores::commit(const std::string& path, const Check& check) {
  load();
  auto root = open_root();
  if (!root) {
    troubles_[""] = line(root.error());
    return;
  }
  const std::string name = path.substr(root_.size());
  if (!store::is_store(name)) return apply_to(root->get(), name, check);
  load_store(root->get(), name);
  std::vector<std::string> paths;
  for (const auto& [listed_path, listed] : listed_)
    if (std::ranges::any_of(listed, [&](const Listed& one) { return one.store == name; })) paths.push_back(listed_path);
  for (const std::string& listed_path : paths) apply_to(root->get(), listed_path, check);
}

std::vector<std::string> Stores::finish() {
  std::vector<std::string> lines;
  for (const auto& [subject, trouble] : troubles_) lines.push_back(trouble);
  troubles_.clear();
  return lines;
}

}  // namespace bpfgate::rpm_plugin
