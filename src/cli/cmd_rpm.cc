// SPDX-License-Identifier: MIT
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>

#include "base/bytes.h"
#include "cli/cli.h"
#include "cli/rpm_commands.h"

namespace bpfgate::cli {
namespace {

constexpr Command rpm_commands[] = {
    {"sign", "sign loaders and libraries in packages", setup_rpm_sign},
    {"attach", "put signatures into packages that were made elsewhere", setup_rpm_attach},
    {"inspect", "show the signatures that packages carry for their files", setup_rpm_inspect},
};

using Written = std::vector<rpm::SignedFile>;

void print(const std::string& package, const char* verb, const Written& done, bool replaces) {
  if (done.empty())
    std::printf("nothing to sign in %s%s\n", package.c_str(), replaces ? ", which carries no signatures now" : "");
  for (const rpm::SignedFile& file : done)
    for (const std::string& name : file.names)
      std::printf("%s %s %s\n", verb, to_string(file.digest).c_str(), place_in(package, name).c_str());
}

void describe(Json& entry, const Written& done) {
  entry["files"] = Json::array();
  for (const rpm::SignedFile& file : done)
    entry["files"].push_back({{"names", file.names}, {"digest", to_string(file.digest)}});
}

// "libfoo.so", "libfoo.so.1": nobody else's names have that in them.
bool may_be_library(const rpm::File& file) {
  return std::ranges::any_of(file.names, [](const std::string& name) { return name.find(".so") != std::string::npos; });
}

}  // namespace

std::string place_in(const std::string& package, const std::string& name) { return package + ":" + printable(name); }

bool may_be_program(const rpm::File& file) { return (file.mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0; }

Result<sign::BpfLibraries> bpf_libraries_of(const rpm::Package& package) {
  sign::BpfLibraries libraries;
  // The payload is one stream: it is not read for nothing.
  if (std::ranges::none_of(package.files(), may_be_library)) return libraries;
  TRY(package.unpack(may_be_library,
                     [&](size_t file, int fd) { return libraries.add(fd, package.files()[file].names); }));
  return libraries;
}

void add_rpm_writing_options(CLI::App& app, RpmWriting& options) {
  add_batch_options(app, options.batch);
  app.add_option("--hash-alg", options.algorithm, "digests of the files: sha256 (default) or sha512")
      ->type_name("NAME")
      ->check(CLI::IsMember({"sha256", "sha512"}));
  app.add_flag("--replace", options.replace, "take away the signatures of all other files");
  app.add_flag("--allow-undigested", options.allow_undigested, "take packages that say no SHA-256 of their header");
  app.add_flag("--json", options.json, "print one JSON object");
}

Result<rpm::Request> request_of(const RpmWriting& options) {
  rpm::Request request;
  TRY_ASSIGN(request.algorithm, fsverity::algorithm_named(options.algorithm));
  request.replace = options.replace;
  request.allow_undigested = options.allow_undigested;
  return request;
}

Result<int> write_packages(const RpmWriting& options, std::string_view command, const char* verb,
                           const RpmWriter& write) {
  TRY_ASSIGN(const std::vector<std::string> packages, collect_files(options.batch));
  const FileBatch<Written> batch{
      .command = command,
      .work = write,
      .status_of = [](const Written&) { return exit_good; },
      .print =
          [&](const std::string& package, const Written& done) {
            if (!options.json) print(package, verb, done, options.replace);
          },
      .describe = describe,
      .list = "packages",
  };
  return run_batch(packages, options.batch.jobs, options.json, batch);
}

void setup_rpm(CLI::App& app, int& status) {
  app.require_subcommand(1);
  for (const Command& command : rpm_commands) command.setup(*app.add_subcommand(command.name, command.summary), status);
}

}  // namespace bpfgate::cli
