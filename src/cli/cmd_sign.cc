// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/keys.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/sidecars.h"
#include "cli/sign_libraries.h"
#include "cli/tree_options.h"

namespace bpfgate::cli {
namespace {

struct SignOptions {
  BatchOptions batch;
  TreeOptions tree;
  evidence::DigestKind kind = evidence::DigestKind::FsVerity;
  PinOptions pin;
  std::string key;
  std::string certificate;
  std::string library_key;
  std::string library_certificate;
  std::string role = "loader";
  std::filesystem::path output_directory;
  bool detached = false;
  bool reproducible = false;
  bool allow_interpreter = false;
  bool with_libraries = false;
  bool json = false;
};

// Everything a file is signed with.
struct Work {
  sign::Request request;  // but for the sidecar
  std::optional<SigningKey> key;
  std::optional<SigningKey> library_key;
  std::optional<crypto::Certificate> library_certificate;  // to check against, where nothing is to be signed
};

struct Outcome {
  sign::Signed file;
  sign::Closure closure;
};

struct Tally {
  size_t good = 0;
  size_t failed = 0;
  int status = exit_good;
  Json entries = Json::array();
};

// That libraries have signers of their own keeps ld.so and libpython from being loaders.
Result<> check_roles_apart(const crypto::Certificate& loader, const crypto::Certificate& library) {
  if (!library.can_pass_for(loader)) return {};
  return fail(ErrorKind::Key,
              "--library-cert has the key of --cert, or was signed with it: every library signed would be a loader too",
              "use a certificate for libraries that has its own key and another issuer");
}

Result<> load_library_key(const SignOptions& options, Work& work) {
  if (options.with_libraries) {
    TRY_ASSIGN(work.library_key, load_signing_key(options.library_key, options.library_certificate, options.pin));
    TRY(check_roles_apart(work.key->certificate, work.library_key->certificate));
    if (options.reproducible) TRY(check_reproducible(*work.library_key));
  } else if (!options.library_certificate.empty()) {
    TRY_ASSIGN(work.library_certificate, crypto::Certificate::load(options.library_certificate));
    TRY(work.library_certificate->check_kernel_can_verify());
  }
  return {};
}

// Tree options are taken at their word, so that a seal must agree; without any it is asked.
Result<sign::Basis> basis_of(const SignOptions& options) {
  sign::Basis basis;
  if (options.kind == evidence::DigestKind::Ima) {
    TRY_ASSIGN(basis.ima, ima_algorithm_of(options.tree));
  } else if (options.tree.is_given) {
    TRY_ASSIGN(basis.parameters, parameters_of(options.tree));
  }
  return basis;
}

Result<Work> prepare(const SignOptions& options) {
  Work work;
  TRY_ASSIGN(work.request.basis, basis_of(options));
  work.request.role = options.role == "library" ? evidence::Role::Library : evidence::Role::Loader;
  work.request.allow_interpreter = options.allow_interpreter;
  TRY_ASSIGN(work.key, load_signing_key(options.key, options.certificate, options.pin));
  if (options.reproducible) TRY(check_reproducible(*work.key));
  TRY(load_library_key(options, work));
  return work;
}

Result<> check_usage(const SignOptions& options) {
  if (!options.output_directory.empty() && !options.detached)
    return fail(ErrorKind::Usage, "--output-dir is for detached signatures", "add --detached");
  if (!options.with_libraries) return {};
  if (options.role == "library")
    return fail(ErrorKind::Usage, "--with-libraries is about loaders", "leave out --role library");
  if (options.library_key.empty() || options.library_certificate.empty())
    return fail(ErrorKind::Usage, "--with-libraries needs a key of its own", "give --library-key and --library-cert");
  return {};
}

Result<Outcome> sign_one(const std::string& file, const Work& work, const SignOptions& options) {
  sign::Request request = work.request;
  if (options.detached) request.sidecar = sign::sidecar_of(file, options.output_directory);
  TRY_ASSIGN(sign::Signed done, sign::sign_file(file, work.key->signer, request));
  if (request.role == evidence::Role::Library) return Outcome{std::move(done), {}};
  TRY_ASSIGN(sign::Closure closure, sign::closure_of(file));
  return Outcome{std::move(done), std::move(closure)};
}

Json entry_of(const std::string& file, const Result<Outcome>& outcome, const SignOptions& options) {
  Json entry = {{"path", file}};
  if (!outcome) {
    entry["error"] = json_of(outcome.error());
    return entry;
  }
  entry["digest"] = to_string(outcome->file.digest);
  entry["digest_kind"] = name_of(options.kind);
  entry["sealed"] = outcome->file.was_sealed;
  if (options.detached) entry["sidecar"] = sign::sidecar_of(file, options.output_directory).string();
  return entry;
}

void emit(const std::string& file, const Result<Outcome>& outcome, const SignOptions& options, Tally& tally) {
  if (outcome) {
    ++tally.good;
    if (!options.json) std::printf("signed %s %s\n", to_string(outcome->file.digest).c_str(), file.c_str());
  } else {
    ++tally.failed;
    tally.status = combine_status(tally.status, report(outcome.error()));
  }
  if (options.json) tally.entries.push_back(entry_of(file, outcome, options));
}

Tally sign_files(const std::vector<std::string>& files, const Work& work, const SignOptions& options,
                 NeededLibraries& needed) {
  Tally tally;
  Progress progress(files.size());
  const bool is_on_terminal = ::isatty(STDOUT_FILENO) == 1;
  parallel_for_each(
      files, options.batch.jobs, [&](const std::string& file) { return sign_one(file, work, options); },
      [&](const std::string& file, const Result<Outcome>& outcome) {
        if (!outcome || is_on_terminal) progress.clear();  // what is printed would land on its line
        emit(file, outcome, options, tally);
        if (outcome) needed.add(file, outcome->closure);
        progress.count(outcome.has_value());
      });
  return tally;
}

LibraryWork library_work(const Work& work, const SignOptions& options) {
  LibraryWork result;
  if (work.library_certificate) result.certificate = &*work.library_certificate;
  if (work.library_key) {
    result.certificate = &work.library_key->certificate;
    result.signer = &work.library_key->signer;
  }
  result.basis = work.request.basis;
  result.detached = options.detached;
  result.output_directory = options.output_directory;
  result.jobs = options.batch.jobs;
  result.json = options.json;
  return result;
}

void print_summary(const Tally& tally, const LibrarySummary& libraries) {
  if (tally.good + tally.failed == 1 && libraries.signed_now + libraries.failed == 0) return;
  std::fflush(stdout);
  std::fprintf(stderr, "bpfgate: %zu signed, %zu failed", tally.good, tally.failed);
  if (libraries.signed_now + libraries.failed > 0)
    std::fprintf(stderr, "; libraries: %zu signed, %zu failed", libraries.signed_now, libraries.failed);
  std::fputs("\n", stderr);
}

void print_object(Tally& tally, LibrarySummary& libraries, const NeededLibraries& needed) {
  Json output = json_output("sign");
  output["files"] = std::move(tally.entries);
  output["libraries"] = std::move(libraries.entries);
  output["missing_libraries"] = needed.missing();
  output["libraries_by_origin_only"] = needed.by_origin_only();
  output["signed"] = tally.good;
  output["failed"] = tally.failed;
  output["libraries_signed"] = libraries.signed_now;
  output["libraries_failed"] = libraries.failed;
  print_json(output);
}

// All that get a sidecar in the one directory: the loaders, and what they map. What a file maps cannot always be told;
// then it cannot be signed either, and that is said in its turn.
std::vector<std::string> sharers_of(const std::vector<std::string>& files, const SignOptions& options) {
  std::vector<std::string> sharers = files;
  if (!options.with_libraries || options.output_directory.empty()) return sharers;
  NeededLibraries needed;
  for (const std::string& file : files)
    if (auto closure = sign::closure_of(file)) needed.add(file, *closure);
  std::ranges::copy_if(needed.paths(), std::back_inserter(sharers),
                       [&](const std::string& library) { return !needed.is_loader(library); });
  return sharers;
}

Result<int> run(const SignOptions& options) {
  TRY(check_usage(options));
  TRY_ASSIGN(std::vector<std::string> files, collect_files(options.batch));
  TRY_ASSIGN(Work work, prepare(options));
  TRY(prepare_sidecars(sharers_of(files, options), options.output_directory));
  NeededLibraries needed;
  Tally tally = sign_files(files, work, options, needed);
  LibrarySummary libraries = process_libraries(needed, library_work(work, options));
  print_summary(tally, libraries);
  if (options.json) print_object(tally, libraries, needed);
  TRY(flush_output());
  return libraries.failed > 0 ? combine_status(tally.status, libraries.status) : tally.status;
}

void add_key_options(CLI::App& app, SignOptions& options) {
  app.add_option("--key", options.key, "private key: a PEM file or a pkcs11: URI")->type_name("KEY")->required();
  app.add_option("--cert", options.certificate, "its certificate: PEM, DER or a pkcs11: URI")
      ->type_name("CERT")
      ->required();
  add_pin_options(app, options.pin);
  app.add_flag("--reproducible", options.reproducible, "refuse keys whose signatures differ from run to run");
}

void add_library_options(CLI::App& app, SignOptions& options) {
  app.add_flag("--with-libraries", options.with_libraries, "also sign the libraries that the loaders map");
  app.add_option("--library-key", options.library_key, "private key for libraries")->type_name("KEY");
  app.add_option("--library-cert", options.library_certificate, "certificate libraries must be signed with")
      ->type_name("CERT");
}

void add_sign_options(CLI::App& app, SignOptions& options) {
  app.add_option("--role", options.role, "what the files are signed as: loader (default) or library")
      ->type_name("ROLE")
      ->check(CLI::IsMember({"loader", "library"}));
  app.add_flag("--detached", options.detached, "write FILE.bpfsig and leave the file alone");
  app.add_option("--output-dir", options.output_directory, "where detached signatures go (default: beside the file)")
      ->type_name("DIR");
  app.add_flag("--allow-interpreter", options.allow_interpreter, "sign interpreters and dynamic linkers as loaders");
  app.add_flag("--json", options.json, "print one JSON object");
}

}  // namespace

void setup_sign(CLI::App& app, int& status) {
  auto options = std::make_shared<SignOptions>();
  add_batch_options(app, options->batch);
  add_key_options(app, *options);
  add_library_options(app, *options);
  add_sign_options(app, *options);
  add_kind_option(app, options->kind);
  add_tree_options(app, options->tree);
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
