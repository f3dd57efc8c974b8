// SPDX-License-Identifier: MIT
#include "learn/examine.h"

#include <fcntl.h>

#include "base/io.h"
#include "sign/lint.h"

namespace bpfgate::learn {
namespace {

Result<File> examine_open(int fd, const std::string& path, const evidence::Trust& trust) {
  File file;
  TRY_ASSIGN(file.digest, fsverity::measure(fd));
  TRY_ASSIGN(evidence::Conclusion conclusion, evidence::conclude(fd, trust));
  file.grants = conclusion.grants;
  file.state = state_of(conclusion, file.digest);
  TRY_ASSIGN(std::optional<sign::LintFinding> finding, sign::lint(fd, path));
  if (!finding) return file;
  file.state = FileState::Interpreter;
  file.detail = finding->reason;
  return file;
}

File without_content(const Error& error) {
  bool is_gone = error.code == ENOENT || error.code == ENOTDIR;
  return {
      .state = is_gone ? FileState::Gone : FileState::Unreadable, .detail = error.message, .digest = {}, .grants = {}};
}

}  // namespace

// What a loader is, a library cannot be: one digest is listed once. What is revoked can be listed, and counts for
// nothing.
FileState state_of(const evidence::Conclusion& conclusion, const std::optional<fsverity::Digest>& digest) {
  if (conclusion.reason == evidence::Reason::Revoked) return FileState::Revoked;
  if (conclusion.verdict == evidence::Verdict::Library) return FileState::Library;
  return digest ? FileState::Sealed : FileState::NotSealed;
}

File examine(const std::string& path, const evidence::Trust& trust) {
  // The kernel names files from the root; anything else would be looked for wherever this program was started.
  if (!path.starts_with('/')) return {};
  auto fd = open_file(path, O_RDONLY | O_NONBLOCK);
  if (!fd) return without_content(fd.error());
  auto file = examine_open(fd->get(), path, trust);
  return file ? *std::move(file) : without_content(file.error());
}

}  // namespace bpfgate::learn
