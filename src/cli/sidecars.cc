// SPDX-License-Identifier: MIT
#include "cli/sidecars.h"

#include <map>

#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;  // what cannot be opened is reported when it is signed
  return a == b || std::filesystem::equivalent(a, b, ignored);
}

}  // namespace

Result<> check_sidecars_differ(const std::vector<std::string>& files, const SidecarRule& rule) {
  std::map<std::filesystem::path, std::string> owners;
  for (const std::string& file : files) {
    auto [owner, is_new] = owners.try_emplace(rule.sidecar(file), file);
    if (!is_new && !rule.is_same_file(owner->second, file))
      return fail(ErrorKind::Usage, owner->second + " and " + file + " would share " + owner->first.string(),
                  rule.remedy);
  }
  return {};
}

Result<> prepare_sidecars(const std::vector<std::string>& files, const std::filesystem::path& directory) {
  if (directory.empty()) return {};
  TRY(check_sidecars_differ(files, {[&](const std::string& file) { return sign::sidecar_of(file, directory); },
                                    is_same_file, "sign them one by one, with a directory for each"}));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorKind::Failed, directory.string() + ": " + error.message());
  return {};
}

}  // namespace bpfgate::cli
