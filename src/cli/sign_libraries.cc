// SPDX-License-Identifier: MIT
#include "cli/sign_libraries.h"

#include <cstdio>

#include "cli/batch.h"
#include "cli/cli.h"

namespace bpfgate::cli {
namespace {

using sign::LibraryState;

struct Outcome {
  LibraryState state = LibraryState::Unsigned;
  std::optional<evidence::Digest> digest;  // when it was signed just now
};

Result<Outcome> process(const std::string& path, const NeededLibraries& needed, const LibraryWork& work) {
  if (needed.is_loader(path)) return Outcome{LibraryState::Signed, std::nullopt};
  TRY_ASSIGN(LibraryState state, sign::library_state(path, work.certificate, work.basis));
  if (work.signer == nullptr || (state == LibraryState::Signed && !work.detached)) return Outcome{state, std::nullopt};
  sign::Request request;
  request.role = evidence::Role::Library;
  request.basis = work.basis;
  if (work.detached) request.sidecar = sign::sidecar_of(path, work.output_directory);
  TRY_ASSIGN(sign::Signed done, sign::sign_file(path, *work.signer, request));
  return Outcome{LibraryState::Signed, std::move(done.digest)};
}

Json entry_of(const std::string& path, const std::vector<std::string>& needed_by, const Result<Outcome>& outcome) {
  Json entry = {{"path", path}, {"needed_by", needed_by}};
  if (outcome) {
    entry["state"] = sign::name_of(outcome->state);
    if (outcome->digest) entry["digest"] = to_string(*outcome->digest);
  } else {
    entry["error"] = json_of(outcome.error());
  }
  return entry;
}

void tally(const std::string& path, const Result<Outcome>& outcome, bool json, LibrarySummary& summary) {
  if (!outcome) {
    ++summary.failed;
    summary.status = combine_status(summary.status, report(outcome.error()));
  } else if (outcome->digest) {
    ++summary.signed_now;
    if (!json) std::printf("signed %s %s\n", to_string(*outcome->digest).c_str(), path.c_str());
  }
}

void print_unsigned(const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  std::fprintf(stderr, "bpfgate: %zu %s no library signature; a loader that maps one loses its mark:\n", lines.size(),
               lines.size() == 1 ? "library carries" : "libraries carry");
  for (const std::string& line : lines) std::fprintf(stderr, "    %s\n", line.c_str());
  std::fprintf(stderr, "  sign them with --with-libraries --library-key KEY --library-cert CERT\n");
}

void print_missing(const NeededLibraries& needed) {
  for (const auto& [name, loaders] : needed.missing())
    std::fprintf(stderr, "bpfgate: %s needs %s, which is not on this host\n", loaders.front().c_str(), name.c_str());
  for (const auto& [name, loaders] : needed.by_origin_only())
    std::fprintf(stderr,
                 "bpfgate: %s finds %s through $ORIGIN only, which does not count in a loader: it would not start\n"
                 "  link it with an absolute run path\n",
                 loaders.front().c_str(), name.c_str());
}

}  // namespace

void NeededLibraries::add(const std::string& loader, const sign::Closure& closure) {
  std::error_code error;
  loaders_.insert(std::filesystem::canonical(loader, error).string());
  for (const std::filesystem::path& library : closure.libraries) {
    std::vector<std::string>& users = users_[library.string()];
    if (users.empty()) paths_.push_back(library.string());
    users.push_back(loader);
  }
  for (const std::string& name : closure.missing) missing_[name].push_back(loader);
  for (const std::string& name : closure.by_origin_only) by_origin_only_[name].push_back(loader);
}

LibrarySummary process_libraries(const NeededLibraries& needed, const LibraryWork& work) {
  LibrarySummary summary;
  std::vector<std::string> unsigned_lines;
  parallel_for_each(
      needed.paths(), work.jobs, [&](const std::string& path) { return process(path, needed, work); },
      [&](const std::string& path, const Result<Outcome>& outcome) {
        tally(path, outcome, work.json, summary);
        if (outcome && outcome->state != LibraryState::Signed)
          unsigned_lines.push_back(path + " (" + std::string(sign::name_of(outcome->state)) + ")");
        summary.entries.push_back(entry_of(path, needed.needed_by(path), outcome));
      });
  print_unsigned(unsigned_lines);
  print_missing(needed);
  return summary;
}

}  // namespace bpfgate::cli
