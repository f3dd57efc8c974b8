// SPDX-License-Identifier: MIT
#include "gate/explain.h"

#include <fcntl.h>

#include "base/io.h"
#include "gate/gate.h"
#include "gate/policy.h"

namespace bpfgate::gate {
namespace {

// The kernel asks them in the order of their names; both lists are sorted.
std::vector<manifest::Grant> look_up(const manifest::Manifest& manifest, const std::vector<std::string>& names) {
  std::vector<manifest::Grant> grants;
  grants.reserve(names.size());
  for (const std::string& name : names) grants.push_back(manifest.grants.at(name));
  return grants;
}

}  // namespace

Result<Explanation> explain_file(const std::filesystem::path& file, const manifest::Manifest& manifest) {
  Explanation explanation;
  explanation.file = file;
  TRY_ASSIGN(OfflineTrust offline, offline_trust(manifest));
  TRY_ASSIGN(UniqueFd fd, open_file(file, O_RDONLY));
  TRY_ASSIGN(explanation.conclusion, evidence::conclude(fd.get(), offline.trust));
  explanation.own_grants = look_up(manifest, explanation.conclusion.grants);
  explanation.default_grants = look_up(manifest, manifest.default_grants);
  return explanation;
}

Result<Explanation> explain_process(uint32_t process, const manifest::Manifest& manifest,
                                    const std::filesystem::path& pin_directory) {
  std::filesystem::path link = "/proc/" + std::to_string(process) + "/exe";
  TRY_ASSIGN(Explanation explanation, explain_file(link, manifest));
  std::error_code error;
  explanation.file = std::filesystem::read_symlink(link, error);
  explanation.process = process;
  TRY_ASSIGN(std::optional<Status> loaded, gate::status(pin_directory));
  if (!loaded) return explanation;
  TRY_ASSIGN(explanation.mark, mark_of(pin_directory, process));
  return explanation;
}

}  // namespace bpfgate::gate
