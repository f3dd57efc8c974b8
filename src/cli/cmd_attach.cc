// SPDX-License-Identifier: MIT
#include <cstdio>
#include <memory>

#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tree_options.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

struct AttachOptions {
  BatchOptions batch;
  TreeOptions tree;
  bool has_tree = false;
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
  if (options.has_tree) {
    TRY_ASSIGN(work.parameters, parameters_of(options.tree));
  }
  if (options.certificate.empty()) return work;
  TRY_ASSIGN(work.certificate, crypto::Certificate::load(options.certificate));
  TRY(work.certificate->check_kernel_can_verify());
  return work;
}

Result<> attach_one(const std::string& file, const Work& work, const AttachOptions& options) {
  sign::Attachment attachment;
  attachment.sidecar = sidecar_for(file, options);
  attachment.certificate = work.certificate ? &*work.certificate : nullptr;
  attachment.parameters = work.parameters;
  return sign::attach(file, attachment);
}

Json entry_of(const std::string& file, const Result<>& done, const AttachOptions& options) {
  Json entry = {{"path", file}, {"sidecar", sidecar_for(file, options).string()}};
  if (!done) entry["error"] = json_of(done.error());
  return entry;
}

Result<int> run(const AttachOptions& options) {
  TRY_ASSIGN(std::vector<std::string> files, collect_files(options.batch));
  TRY_ASSIGN(Work work, prepare(options, files.size()));
  int status = exit_good;
  Json entries = Json::array();
  parallel_for_each(
      files, options.batch.jobs, [&](const std::string& file) { return attach_one(file, work, options); },
      [&](const std::string& file, const Result<>& done) {
        if (!done) status = combine_status(status, report(done.error()));
        if (options.json) entries.push_back(entry_of(file, done, options));
        if (done && !options.json) std::printf("attached %s %s\n", sidecar_for(file, options).c_str(), file.c_str());
      });
  if (options.json) print_json_list("attach", "files", std::move(entries));
  TRY(flush_output());
  return status;
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
  app.callback([options, &app, &status] {
    for (const char* option : {"--hash-alg", "--block-size", "--salt"})
      options->has_tree |= app.get_option(option)->count() > 0;
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
