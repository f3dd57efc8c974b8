// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/file_batch.h"
#include "cli/tree_options.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

struct AttachOptions {
  BatchOptions batch;
  TreeOptions tree;
  std::string signature;
  std::filesystem::path directory;
  std::string certificate;
  bool json = false;
};

struct Work {
  std::optional<crypto::Certificate> certificate;
  std::optional<fsverity::Parameters> parameters;
};

std::filesystem::path sidecar_for(const std::string& file, const AttachOptions& options) {
  return options.signature.empty() ? sign::sidecar_of(file, options.directory)
                                   : std::filesystem::path(options.signature);
}

Result<Work> prepare(const AttachOptions& options, size_t file_count) {
  if (!options.signature.empty() && file_count != 1)
    return fail(ErrorKind::Usage, "--signature belongs to one file", "name the directory of many with --from-dir");
  Work work;
  if (options.tree.is_given) {
    TRY_ASSIGN(work.parameters, parameters_of(options.tree));
  }
  if (options.certificate.empty()) return work;
  TRY_ASSIGN(work.certificate, crypto::Certificate::load(options.certificate));
  TRY(work.certificate->check_kernel_can_verify());
  return work;
}

// The sidecar, once it is attached.
Result<std::filesystem::path> attach_one(const std::string& file, const Work& work, const AttachOptions& options) {
  sign::Attachment attachment;
  attachment.sidecar = sidecar_for(file, options);
  attachment.certificate = work.certificate ? &*work.certificate : nullptr;
  attachment.parameters = work.parameters;
  TRY(sign::attach(file, attachment));
  return attachment.sidecar;
}

Result<int> run(const AttachOptions& options) {
  TRY_ASSIGN(const std::vector<std::string> files, collect_files(options.batch));
  TRY_ASSIGN(const Work work, prepare(options, files.size()));
  const FileBatch<std::filesystem::path> batch{
      .command = "attach",
      .work = [&](const std::string& file) { return attach_one(file, work, options); },
      .status_of = [](const std::filesystem::path&) { return exit_good; },
      .print =
          [&](const std::string& file, const std::filesystem::path& sidecar) {
            if (!options.json) std::printf("attached %s %s\n", sidecar.c_str(), file.c_str());
          },
      .describe = [](Json& entry, const std::filesystem::path& sidecar) { entry["sidecar"] = sidecar.string(); },
  };
  return run_batch(files, options.batch.jobs, options.json, batch);
}

void add_options(CLI::App& app, AttachOptions& options) {
  CLI::Option* signature = app.add_option("--signature", options.signature, "the signature (default: FILE.bpfsig)");
  CLI::Option* directory =
      app.add_option("--from-dir", options.directory, "where the signatures are (default: beside the file)");
  signature->type_name("FILE")->excludes(directory);
  directory->type_name("DIR");
  app.add_option("--cert", options.certificate, "attach only valid signatures of the file by this certificate")
      ->type_name("CERT");
  app.add_flag("--json", options.json, "print one JSON object");
}

}  // namespace

void setup_attach(CLI::App& app, int& status) {
  auto options = std::make_shared<AttachOptions>();
  add_batch_options(app, options->batch);
  add_options(app, *options);
  add_tree_options(app, options->tree);
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
