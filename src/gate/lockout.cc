// SPDX-License-Identifier: MIT
#include "gate/lockout.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/io.h"
#include "gate/holders.h"
#include "gate/policy.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

std::string read_link(const fs::path& path) {
  std::error_code error;
  fs::path target = fs::read_symlink(path, error);
  return error ? std::string() : target.string();
}

bool names_bpf_object(const std::string& target) {
  return target == "anon_inode:bpf-map" || target == "anon_inode:bpf-prog" || target.starts_with("anon_inode:bpf_") ||
         target.starts_with("anon_inode:bpf-");
}

unsigned count_bpf_objects(const fs::path& process) {
  unsigned count = 0;
  std::error_code error;
  for (fs::directory_iterator it(process / "fd", error), end; !error && it != end; it.increment(error))
    count += names_bpf_object(read_link(it->path())) ? 1 : 0;
  return count;
}

// Why a process of this executable would get no mark, or nothing. /proc/PID/exe opens the file itself, whatever name it
// has now.
Result<std::optional<std::string>> why_unmarked(const fs::path& executable, const evidence::Trust& trust) {
  TRY_ASSIGN(UniqueFd fd, open_file(executable, O_RDONLY));
  TRY_ASSIGN(evidence::Conclusion conclusion, evidence::conclude(fd.get(), trust));
  if (conclusion.verdict == evidence::Verdict::Loader) return std::nullopt;
  if (conclusion.verdict == evidence::Verdict::Library) return std::string("signed as a library, not as a loader");
  return std::string(evidence::name_of(conclusion.reason));
}

Result<std::optional<std::string>> why_locked_out_itself(const manifest::Manifest& manifest,
                                                         const evidence::Trust& trust) {
  TRY_ASSIGN(UniqueFd fd, open_file("/proc/self/exe", O_RDONLY));
  TRY_ASSIGN(evidence::Conclusion conclusion, evidence::conclude(fd.get(), trust));
  if (conclusion.verdict != evidence::Verdict::Loader) return std::string(evidence::name_of(conclusion.reason));
  bool is_administrator = std::any_of(conclusion.grants.begin(), conclusion.grants.end(),
                                      [&](const std::string& name) { return manifest.grants.at(name).admin; });
  if (is_administrator) return std::nullopt;
  return "its grant \"" + conclusion.grants.front() + "\" is not \"admin\"";
}

// Whoever has no mark may do everything.
bool default_allows_all(const manifest::Manifest& manifest) {
  return std::any_of(manifest.default_grants.begin(), manifest.default_grants.end(),
                     [](const std::string& name) { return name == "full"; });
}

// Processes come and go while /proc is read; one that is gone is nobody's problem any more.
bool has_gone(const Error& error) { return error.code == ENOENT || error.code == ESRCH; }

Result<> survey_process(const fs::path& process, int pid, const evidence::Trust& trust, std::vector<LockedOut>& found) {
  unsigned objects = count_bpf_objects(process);
  if (objects == 0 || pid == ::getpid()) return {};
  auto reason = why_unmarked(process / "exe", trust);
  if (!reason && has_gone(reason.error())) return {};
  if (!reason) return std::unexpected(std::move(reason).error());
  if (*reason) found.push_back({pid, read_link(process / "exe"), **reason, objects});
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
  if (own) found.push_back({0, read_link("/proc/self/exe"), *own, 0});
  if (default_allows_all(manifest)) return found;
  std::error_code error;
  for (fs::directory_iterator it("/proc", error), end; !error && it != end; it.increment(error)) {
    if (int pid = pid_of(it->path().filename())) TRY(survey_process(it->path(), pid, offline.trust, found));
  }
  return found;
}

}  // namespace bpfgate::gate
