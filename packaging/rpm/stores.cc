// SPDX-License-Identifier: MIT
#include "stores.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

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
    case store::Outcome::Untrusted:  // is said with a policy only
    case store::Outcome::Kept:
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

void Stores::begin(std::map<std::string, Carried> names, bool is_installed) {
  // One that goes must not be remembered. One that comes is read when it has its name.
  if (!is_installed && std::ranges::any_of(names, [](const auto& name) { return store::is_store(name.first); }))
    is_loaded_ = false;
  names_ = std::move(names);
  committed_.clear();
  troubles_.clear();
}

void Stores::take(const std::string& name, Result<store::Store> loaded) {
  for (auto& [path, listed] : listed_) std::erase_if(listed, [&](const Listed& one) { return one.store == name; });
  troubles_.erase(name);
  if (!loaded) {
    troubles_[name] = line(loaded.error());
    return;
  }
  for (store::Entry& entry : loaded->entries) {
    std::vector<Listed>& listed = listed_[entry.path];
    listed.push_back({name, std::move(entry)});
  }
}

Result<> Stores::load(int root) {
  if (is_loaded_) return {};
  TRY_ASSIGN(auto stores, store::load_stores(root));
  listed_.clear();
  for (auto& [file, store] : stores) take(file, std::move(store));
  is_loaded_ = true;
  return {};
}

// A signature that does not count is as if it were not listed.
void Stores::apply_to(int root, const std::string& name, const Check& check) {
  auto own = names_.find(name);
  auto found = listed_.find(name);
  if (found == listed_.end() || found->second.empty()) return;
  if (own == names_.end() || own->second == Carried::Proven) return;
  std::vector<Listed> listed;
  std::vector<Listed> of_others;
  std::ranges::partition_copy(found->second, std::back_inserter(listed), std::back_inserter(of_others),
                              [&](const Listed& one) { return names_.contains(one.store); });
  const bool is_listed_by_own = !listed.empty();
  std::ranges::move(of_others, std::back_inserter(listed));
  std::vector<store::Entry> chosen;
  for (Listed& one : listed)
    if (one.entry.signature.empty() || check(one.entry.signature, one.entry.digest))
      chosen.push_back(std::move(one.entry));
  store::Application application;
  application.root = root;
  application.replaces = own->second == Carried::Unproven;
  std::vector<store::Applied> applied = store::apply(chosen, application);
  if (applied.empty()) applied.push_back({name, {name}, store::Outcome::OtherContent});
  const Result<store::Outcome>& outcome = applied.front().outcome;
  // What has a signature of its package's is no worse off for a store that has none, or for another package's that is
  // out of date.
  if (application.replaces && outcome &&
      (*outcome == store::Outcome::NoSignature || (*outcome == store::Outcome::OtherContent && !is_listed_by_own)))
    return;
  if (std::string trouble = trouble_of(applied.front()); !trouble.empty()) troubles_[name] = std::move(trouble);
}

void Stores::commit(const std::string& path) { committed_.insert(path.substr(root_.size())); }

void Stores::settle(const Check& check) {
  if (committed_.empty()) return;
  auto apply = [&]() -> Result<> {
    TRY_ASSIGN(const UniqueFd root, open_root());
    TRY(load(root.get()));
    for (const std::string& name : committed_)
      if (store::is_store(name)) take(name, store::load_below(root.get(), name));
    for (const std::string& name : std::exchange(committed_, {})) apply_to(root.get(), name, check);
    return {};
  };
  // Said in the end if it does not succeed the next time either.
  troubles_.erase("");
  if (Result<> applied = apply(); !applied) troubles_[""] = line(applied.error());
}

std::vector<std::string> Stores::finish() {
  std::vector<std::string> lines;
  for (const auto& [subject, trouble] : troubles_) lines.push_back(trouble);
  committed_.clear();
  troubles_.clear();
  return lines;
}

}  // namespace bpfgate::rpm_plugin
