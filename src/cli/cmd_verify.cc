// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/bytes.h"
#include "base/io.h"
#include "cli/file_batch.h"
#include "cli/tree_options.h"
#include "cli/trust_options.h"

namespace bpfgate::cli {
namespace {

using evidence::Conclusion;
using evidence::DigestKind;
using evidence::Verdict;

struct VerifyOptions {
  BatchOptions batch;
  TreeOptions tree;
  TrustOptions trust;
  bool ima = false;
  bool json = false;
};

// Everything one file is judged by.
struct Question {
  TreeOptions tree;  // of the seal to come; with --ima that is a plain one
  fsverity::Parameters parameters;
  LoadedTrust loaded;
  std::optional<Bytes> signature;
};

struct Finding {
  Conclusion now;
  std::optional<Conclusion> once_sealed;  // for a file that is not sealed, and not accepted as it is
};

bool is_accepted(const Conclusion& conclusion) { return conclusion.verdict != Verdict::NoEvidence; }

bool is_judged_by(DigestKind kind, const Conclusion& conclusion) {
  return conclusion.digest && conclusion.digest->kind == kind;
}

Result<Conclusion> conclude_once_sealed(int fd, const Question& question) {
  TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd, question.parameters));
  if (question.signature) return conclude(digest, question.signature, question.loaded.trust);
  TRY_ASSIGN(std::optional<Bytes> signature, evidence::read_signature(fd));
  return conclude(digest, signature, question.loaded.trust);
}

Result<Finding> examine(int fd, const Question& question) {
  Finding finding;
  TRY_ASSIGN(finding.now, evidence::conclude(fd, question.loaded.trust, question.signature));
  if (is_judged_by(DigestKind::FsVerity, finding.now) || is_accepted(finding.now)) return finding;
  TRY_ASSIGN(finding.once_sealed, conclude_once_sealed(fd, question));
  return finding;
}

Result<Finding> examine_file(const std::string& file, const Question& question) {
  TRY_ASSIGN(UniqueFd fd, open_file(file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  Result<Finding> finding = examine(fd.get(), question);
  if (!finding) return Failure(std::move(finding).error().within(file));
  return finding;
}

void print_line(const std::string& file, const Conclusion& conclusion) {
  std::printf("%s %s %s\n", std::string(name_of(conclusion.verdict)).c_str(), reason_text(conclusion).c_str(),
              file.c_str());
}

// The seal must be made with the options that the digest was made with.
std::string seal_command(const std::string& file, const TreeOptions& tree) {
  const TreeOptions defaults;
  std::string command = "bpfgate seal ";
  if (tree.algorithm != defaults.algorithm) command += "--hash-alg " + tree.algorithm + " ";
  if (tree.block_size != defaults.block_size) command += "--block-size " + std::to_string(tree.block_size) + " ";
  if (!tree.salt.empty()) command += "--salt " + tree.salt + " ";
  // What starts with a dash would be an option.
  return command + shell_word(file.starts_with('-') ? "./" + file : file);
}

void print_prospect(const std::string& file, const Conclusion& once_sealed, const TreeOptions& tree) {
  if (is_accepted(once_sealed)) {
    std::fprintf(stderr, "bpfgate: %s: would be accepted once sealed: %s\n", printable(file).c_str(),
                 seal_command(file, tree).c_str());
  } else {
    std::fprintf(stderr, "bpfgate: %s: not sealed, and once sealed: %s\n", printable(file).c_str(),
                 reason_text(once_sealed).c_str());
  }
}

Json json_of_conclusion(const Conclusion& conclusion) {
  Json value = {{"accepted", is_accepted(conclusion)},
                {"verdict", name_of(conclusion.verdict)},
                {"reason", name_of(conclusion.reason)}};
  if (!conclusion.rule.empty()) value["signer"] = conclusion.rule;
  if (!conclusion.digest) return value;
  value["digest"] = to_string(*conclusion.digest);
  value["digest_kind"] = name_of(conclusion.digest->kind);
  return value;
}

void describe(Json& entry, const Finding& finding) {
  entry.update(json_of_conclusion(finding.now));
  if (finding.once_sealed) entry["once_sealed"] = json_of_conclusion(*finding.once_sealed);
}

Result<Question> question_of(const VerifyOptions& options, size_t file_count) {
  if (options.trust.certificates.empty() && options.trust.library_certificates.empty())
    return fail(ErrorKind::Usage, "no signer given", "name whom the host trusts with --cert or --library-cert");
  Question question;
  if (!options.ima) question.tree = options.tree;
  TRY_ASSIGN(question.parameters, parameters_of(question.tree));
  TRY_ASSIGN(std::optional<sign::Sidecar> sidecar, load_signature(options.trust, file_count));
  if (sidecar) question.signature = std::move(sidecar->signature);
  TRY_ASSIGN(question.loaded, load_trust(options.trust));
  if (!options.ima) return question;
  question.loaded.trust.ima = true;
  TRY_ASSIGN(question.loaded.trust.ima_algorithm, ima_algorithm_of(options.tree));
  return question;
}

void print_weaker(size_t count) {
  if (count == 0) return;
  std::fflush(stdout);
  std::fprintf(stderr,
               "bpfgate: %zu %s proven by IMA, which is weaker than fs-verity: what is not sealed is not immutable\n"
               "  sign with --digest fsverity, and seal with bpfgate seal\n",
               count, count == 1 ? "file is" : "files are");
}

Result<int> run(const VerifyOptions& options) {
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  TRY_ASSIGN(const Question question, question_of(options, files.size()));
  size_t by_ima = 0;
  const FileBatch<Finding> batch{
      .command = "verify",
      .work = [&](const std::string& file) { return examine_file(file, question); },
      .status_of = [](const Finding& finding) { return is_accepted(finding.now) ? exit_good : exit_refused; },
      .print =
          [&](const std::string& file, const Finding& finding) {
            if (!options.json) print_line(file, finding.now);
            if (finding.once_sealed) print_prospect(file, *finding.once_sealed, question.tree);
            by_ima += is_accepted(finding.now) && is_judged_by(DigestKind::Ima, finding.now) ? 1 : 0;
          },
      .describe = describe,
  };
  TRY_ASSIGN(int status, run_batch(files, options.batch.jobs, options.json, batch));
  print_weaker(by_ima);
  return status;
}

}  // namespace

void setup_verify(CLI::App& app, int& status) {
  auto options = std::make_shared<VerifyOptions>();
  add_batch_options(app, options->batch);
  add_trust_options(app, options->trust);
  add_tree_options(app, options->tree);
  app.add_flag("--ima", options->ima, "let IMA digests count for files that are not sealed, as a manifest may");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
