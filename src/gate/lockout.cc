// SPDX-License-Identifier: MIT
#include "gate/lockout.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "base/io.h"
#include "gate/policy.h"
#include "gate/proc.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

bool names_bpf_object(const std::string& target) {
  return target == "anon_inode:bpf-map" || target == "anon_inode:bpf-prog" || target.starts_with("anon_inode:bpf_") ||
         target.starts_with("anon_inode:bpf-");
}

Result<evidence::Conclusion> conclude_on(const fs::path& executable, const evidence::Trust& trust) {
  TRY_ASSIGN(UniqueFd fd, open_file(executable, O_RDONLY));
  return evidence::conclude(fd.get(), trust);
}

// Why a process of such an executable would get no mark, or nothing.
std::optional<std::string> why_unmarked(const evidence::Conclusion& conclusion) {
  if (conclusion.verdict == evidence::Verdict::Loader) return std::nullopt;
  if (conclusion.verdict == evidence::Verdict::Library) return "signed as a library, not as a loader";
  return std::string(evidence::name_of(conclusion.reason));
}

Result<std::optional<std::string>> why_locked_out_itself(const manifest::Manifest& manifest,
                                                         const evidence::Trust& trust) {
  TRY_ASSIGN(evidence::Conclusion conclusion, conclude_on("/proc/self/exe", trust));
  if (auto why = why_unmarked(conclusion)) return why;
  bool is_administrator = std::any_of(conclusion.grants.begin(), conclusion.grants.end(),
                                      [&](const std::string& name) { return manifest.grants.at(name).admin; });
  if (is_administrator) return std::nullopt;
  return "its grant \"" + conclusion.grants.front() + "\" is not \"admin\"";
}

// Whoever has no mark may do everything.
bool default_allows_all(const manifest::Manifest& manifest) {
  return std::any_of(manifest.default_grants.begin(), manifest.default_grants.end(),
                     [&](const std::string& name) { return allows_everything(manifest.grants.at(name)); });
}

// By the thread that holds the objects: the first one may have ended, and has no executable then. exe opens the file
// itself, whatever name it has now.
Result<> survey_process(const fs::path& process, const evidence::Trust& trust, std::vector<LockedOut>& found) {
  auto counts = [](const Descriptor& descriptor) -> Result<bool> { return names_bpf_object(descriptor.target); };
  TRY_ASSIGN(Counted objects, count_descriptors(process, counts));
  if (objects.count == 0) return {};
  auto conclusion = conclude_on(objects.thread / "exe", trust);
  if (!conclusion && has_gone(conclusion.error(), objects.thread)) return {};
  if (!conclusion) return std::unexpected(std::move(conclusion).error());
  if (auto why = why_unmarked(*conclusion))
    found.push_back({pid_of(process.filename()), executable_of(objects.thread), *why, objects.count});
  return {};
}

}  // namespace

Result<std::optional<std::string>> why_not_administrator(const manifest::Manifest& manifest) {
  TRY_ASSIGN(OfflineTrust offline, offline_trust(manifest));
  // What IMA will say next time is not certain enough to seal by, nor that root gives no volume another table.
  offline.trust.ima = false;
  offline.trust.volumes.clear();
  offline.trust.signed_volumes = false;
  return why_locked_out_itself(manifest, offline.trust);
}

Result<std::vector<LockedOut>> locked_out_by(const manifest::Manifest& manifest) {
  TRY_ASSIGN(OfflineTrust offline, offline_trust(manifest));
  std::vector<LockedOut> found;
  TRY_ASSIGN(std::optional<std::string> own, why_locked_out_itself(manifest, offline.trust));
  if (own) found.push_back({0, executable_of("/proc/self"), *own, 0});
  if (default_allows_all(manifest)) return found;
  TRY_ASSIGN(std::vector<fs::path> processes, other_processes());
  for (const fs::path& process : processes) TRY(survey_process(process, offline.trust, found));
  return found;
}

}  // namespace bpfgate::gate
