// SPDX-License-Identifier: MIT
#include "cli/sidecars.h"

#include <map>

#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

Result<> check_they_differ(const std::vector<std::string>& files, const std::filesystem::path& directory) {
  std::map<std::filesystem::path, std::string> owners;
  for (const std::string& file : files) {
    auto [owner, is_new] = owners.try_emplace(sign::sidecar_of(file, directory), file);
    if (!is_new && owner->second != file)
      return fail(ErrorKind::Usage, owner->second + " and " + file + " would share " + owner->first.string(),
                  "sign them one by one, with a directory for each");
  }
  return {};
}

}  // namespace

Result<> prepare_sidecars(const std::vector<std::string>& files, const std::filesystem::path& directory) {
  if (directory.empty()) return {};
  TRY(check_they_differ(files, directory));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorKind::Failed, directory.string() + ": " + error.message());
  return {};
}

}  // namespace bpfgate::cli
