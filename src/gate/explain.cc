// SPDX-License-Identifier: MIT
#include "gate/explain.h"

#include <fcntl.h>

#include "base/io.h"
#include "crypto/crypto.h"
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

// One that is gone is found so by whoever opens its executable.
bool is_process(const std::filesystem::path& directory) {
  auto status = read_text_file(directory / "status", 65536);
  return !status || status->find("\nTgid:\t" + directory.filename().string() + "\n") != std::string::npos;
}

}  // namespace

Result<Explanation> explain_file(const std::filesystem::path& file, const manifest::Manifest& manifest) {
  Explanation explanation;
  explanation.file = file;
  TRY_ASSIGN(OfflineTrust offline, offline_trust(manifest));
  TRY_ASSIGN(UniqueFd fd, open_file(file, O_RDONLY | O_NONBLOCK));
  TRY_ASSIGN(std::optional<Bytes> signature, evidence::read_signature(fd.get()));
  if (signature) explanation.signer = crypto::describe_signer(*signature).value_or("unreadable");
  TRY_ASSIGN(explanation.conclusion, evidence::conclude(fd.get(), offline.trust, signature));
  explanation.own_grants = look_up(manifest, explanation.conclusion.grants);
  explanation.default_grants = look_up(manifest, manifest.default_grants);
  if (manifest.extension) explanation.extension = "sha256:" + to_hex(manifest.extension->digest);
  return explanation;
}

Result<Explanation> explain_process(uint32_t process, const manifest::Manifest& manifest,
                                    const std::filesystem::path& pin_directory) {
  std::filesystem::path directory = "/proc/" + std::to_string(process);
  // /proc shows threads, too, and the mark is that of the process.
  if (!is_process(directory))
    return fail(ErrorKind::Invalid, std::to_string(process) + " is a thread, not a process",
                "name its process: Tgid in " + (directory / "status").string());
  std::filesystem::path link = directory / "exe";
  TRY_ASSIGN(Explanation explanation, explain_file(link, manifest));
  std::error_code error;
  explanation.file = std::filesystem::read_symlink(link, error);
  explanation.process = process;
  TRY_ASSIGN(explanation.mark, mark_of(pin_directory, process));
  return explanation;
}

}  // namespace bpfgate::gate
