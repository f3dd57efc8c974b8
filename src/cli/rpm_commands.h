// SPDX-License-Identifier: MIT
// The commands of `bpfgate rpm`: their options and what they do.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/app.h"
#include "cli/batch.h"
#include "cli/file_batch.h"
#include "rpm/package.h"
#include "rpm/sign.h"
#include "sign/bpf_use.h"

namespace bpfgate::cli {

void setup_rpm_sign(CLI::App& app, int& status);
void setup_rpm_attach(CLI::App& app, int& status);
void setup_rpm_inspect(CLI::App& app, int& status);

// "PKG.rpm:/usr/sbin/tool", for a terminal: a package's author may have chosen any bytes.
std::string place_in(const std::string& package, const std::string& name);

// A first look, without the content: libraries and data are rarely executable, and unpacking costs time.
bool may_be_program(const rpm::File& file);

// Of those files that are called like libraries.
Result<sign::BpfLibraries> bpf_libraries_of(const rpm::Package& package);

// What the commands that write packages share.
struct RpmWriting {
  BatchOptions batch;
  std::string algorithm = "sha256";
  bool replace = false;
  bool allow_undigested = false;
  bool json = false;
};
// Declares FILE..., --files-from, --null, --jobs, --hash-alg, --replace, --allow-undigested and --json.
void add_rpm_writing_options(CLI::App& app, RpmWriting& options);

// Without the choice.
Result<rpm::Request> request_of(const RpmWriting& options);

// Does that to every package. `verb` is what is said of each file: "signed".
using RpmWriter = std::function<Result<std::vector<rpm::SignedFile>>(const std::string& package)>;
Result<int> write_packages(const RpmWriting& options, std::string_view command, const char* verb,
                           const RpmWriter& write);

}  // namespace bpfgate::cli
