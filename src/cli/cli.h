// SPDX-License-Identifier: MIT
// What every subcommand shares: the table entry, exit statuses and how errors are printed.
#pragma once

#include <string>

#include "base/result.h"
#include "cli/app.h"

namespace bpfgate::cli {

enum ExitStatus : int {
  exit_good = 0,
  exit_refused = 1,  // something was refused, bad or failed
  exit_usage = 2,
  exit_unsupported = 3,  // not supported here: kernel, file system, LSM list
  exit_key = 4,          // key, certificate, token or PIN
};

int exit_status_of(ErrorKind kind);

// Prints "bpfgate: MESSAGE" and the remedy to stderr, once, and returns the exit status that goes with it.
int report(const Error& error);

// One subcommand. setup() declares options on `app` and sets app.callback(), which stores its exit status in `status`.
struct Command {
  const char* name;
  const char* summary;
  void (*setup)(CLI::App& app, int& status);
};

void setup_digest(CLI::App& app, int& status);
void setup_sign(CLI::App& app, int& status);
void setup_apply(CLI::App& app, int& status);
void setup_attach(CLI::App& app, int& status);
void setup_deb(CLI::App& app, int& status);
void setup_detach(CLI::App& app, int& status);
void setup_seal(CLI::App& app, int& status);
void setup_verify(CLI::App& app, int& status);
void setup_inspect(CLI::App& app, int& status);
void setup_image(CLI::App& app, int& status);
void setup_manifest(CLI::App& app, int& status);
void setup_gate(CLI::App& app, int& status);
void setup_doctor(CLI::App& app, int& status);
void setup_store(CLI::App& app, int& status);
void setup_status(CLI::App& app, int& status);
void setup_volume(CLI::App& app, int& status);
void setup_events(CLI::App& app, int& status);
void setup_explain(CLI::App& app, int& status);
void setup_learn(CLI::App& app, int& status);
void setup_rpm(CLI::App& app, int& status);
void setup_completion(CLI::App& app, int& status);

}  // namespace bpfgate::cli
