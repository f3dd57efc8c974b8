// SPDX-License-Identifier: MIT
#include "deb/dpkg.h"

#include <fcntl.h>

#include <sstream>

#include "base/io.h"
#include "base/process.h"

namespace bpfgate::deb {
namespace {

namespace fs = std::filesystem;
using Complaints = Process::Complaints;

struct Answer {
  int status = 0;
  std::string text;
};

Result<Answer> ask(std::vector<std::string> words, Complaints complaints = Complaints::Shown) {
  // What dpkg says in other languages is for people.
  words.insert(words.begin(), {"env", "LC_ALL=C"});
  TRY_ASSIGN(Process process, Process::start(std::move(words), complaints));
  TRY_ASSIGN(std::string text, read_text(process.output(), store::max_store_bytes, "dpkg"));
  TRY_ASSIGN(int status, process.wait());
  return Answer{status, std::move(text)};
}

// Its other lines, which tell of diversions, begin with a word.
Result<std::vector<std::string>> files_of(const std::string& package) {
  TRY_ASSIGN(Answer answer, ask({"dpkg-query", "--listfiles", package}));
  if (answer.status != 0)
    return fail(ErrorKind::Failed, "dpkg does not know the files of " + package,
                "see what dpkg-query --listfiles says");
  std::vector<std::string> files;
  std::istringstream lines(answer.text);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with('/')) files.push_back(line);
  return files;
}

Result<std::vector<Diversion>> diversions_by_dpkg() {
  TRY_ASSIGN(Answer answer, ask({"dpkg-divert", "--list"}));
  if (answer.status != 0) return fail(ErrorKind::Failed, "dpkg-divert --list fails", "see what it says");
  return parse_diversions(answer.text);
}

Result<std::map<std::string, store::Store>> stores_of_host() {
  TRY_ASSIGN(const UniqueFd root, open_file("/", O_PATH | O_DIRECTORY));
  TRY_ASSIGN(auto loaded, store::load_stores(root.get()));
  std::map<std::string, store::Store> stores;
  for (auto& [file, store] : loaded)
    if (store) stores.emplace(file.string(), *std::move(store));
  return stores;
}

// One architecture's files are replaced by another's where either is "all"; else packages of two are beside each other.
bool is_replaced(const std::string& old_architecture, const std::string& architecture) {
  return old_architecture == architecture || old_architecture == "all" || architecture == "all";
}

// "architecture name:architecture installed", for each architecture it is there in.
Result<std::string> installed_for(const std::string& package, const std::string& architecture) {
  // It complains of packages that are new.
  TRY_ASSIGN(Answer answer, ask({"dpkg-query", "--show", "--showformat",
                                 "${Architecture} ${binary:Package} ${db:Status-Status}\\n", package},
                                Complaints::Hidden));
  std::istringstream lines(answer.text);
  std::string old_architecture, name, status;
  while (answer.status == 0 && lines >> old_architecture >> name >> status)
    if (status != "not-installed" && status != "config-files" && is_replaced(old_architecture, architecture))
      return name;
  return std::string();
}

}  // namespace

std::vector<Diversion> parse_diversions(std::string_view text) {
  constexpr std::string_view head = "diversion of ", local = "local ";
  std::vector<Diversion> diversions;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    bool is_local = line.starts_with(local);
    if (is_local) line.erase(0, local.size());
    size_t to = line.find(" to "), by = is_local ? line.size() : line.rfind(" by ");
    if (!line.starts_with(head) || to == std::string::npos || by == std::string::npos || by < to) continue;
    diversions.push_back({line.substr(head.size(), to - head.size()), line.substr(to + 4, by - to - 4),
                          is_local ? "" : line.substr(by + 4)});
  }
  return diversions;
}

std::string installed_at(const std::string& path, const std::string& package,
                         const std::vector<Diversion>& diversions) {
  for (const Diversion& diversion : diversions)
    if (diversion.from == path && (diversion.by.empty() || diversion.by != package.substr(0, package.find(':'))))
      return diversion.to;
  return path;
}

Host this_host() { return {files_of, diversions_by_dpkg, stores_of_host}; }

Result<Change> change_of(const fs::path& archive) {
  std::string name = fs::absolute(archive).string();
  TRY_ASSIGN(Answer answer, ask({"dpkg-deb", "--show", "--showformat=${Package} ${Architecture} ${Version}", name}));
  std::istringstream words(answer.text);
  std::string package, architecture, version;
  if (answer.status != 0 || !(words >> package >> architecture >> version))
    return fail(ErrorKind::Failed, name + ": no package of dpkg's");
  TRY_ASSIGN(std::string installed, installed_for(package, architecture));
  return Change{architecture == "all" ? package : package + ":" + architecture, version, name, installed};
}

}  // namespace bpfgate::deb
