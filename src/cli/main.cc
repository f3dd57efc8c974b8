// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "cli/cli.h"

namespace bpfgate::cli {
namespace {

constexpr Command commands[] = {
    {"digest", "print the fs-verity or IMA digest of files", setup_digest},
    {"sign", "sign loaders and libraries", setup_sign},
    {"apply", "put packages' signatures on their files, and seal them", setup_apply},
    {"attach", "put a detached signature on its file", setup_attach},
    {"deb", "what packages of dpkg's would do to the host's loaders", setup_deb},
    {"detach", "move a file's signature to a sidecar", setup_detach},
    {"seal", "make files immutable with fs-verity", setup_seal},
    {"verify", "say whether the gate would accept files", setup_verify},
    {"inspect", "show the evidence a file carries", setup_inspect},
    {"image", "seal and check files in an ext4 image that is not mounted", setup_image},
    {"volume", "make, sign, check and open dm-verity volumes", setup_volume},
    {"manifest", "check and sign manifests", setup_manifest},
    {"gate", "load, update and unload the gate in the kernel", setup_gate},
    {"store", "signatures beside the files they are of, for packages", setup_store},
    {"status", "say what is loaded, and what this kernel can prove", setup_status},
    {"doctor", "say what could undo the gate on this host", setup_doctor},
    {"explain", "say why a file or a process may do what", setup_explain},
    {"events", "show what the gate refused", setup_events},
    {"learn", "draft a manifest from what the gate refused", setup_learn},
    {"rpm", "sign and inspect the files in rpm packages", setup_rpm},
    {"completion", "print a shell's completion script", setup_completion},
};

int run(int argc, char** argv) {
  CLI::App app("Trusts BPF loaders, by evidence the kernel checks.", "bpfgate");
  app.set_version_flag("--version", "bpfgate " BPFGATE_VERSION);
  app.require_subcommand(1);
  int status = exit_good;
  for (const Command& command : commands) {
    command.setup(*app.add_subcommand(command.name, command.summary), status);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? exit_good : exit_usage;
  }
  return status;
}

}  // namespace

int exit_status_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::Usage:
      return exit_usage;
    case ErrorKind::Unsupported:
      return exit_unsupported;
    case ErrorKind::Key:
      return exit_key;
    case ErrorKind::Failed:
    case ErrorKind::Invalid:
    case ErrorKind::Refused:
      return exit_refused;
  }
  return exit_refused;
}

int report(const Error& error) {
  std::fprintf(stderr, "bpfgate: %s\n", error.message.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  %s\n", error.remedy.c_str());
  return exit_status_of(error.kind);
}

}  // namespace bpfgate::cli

int main(int argc, char** argv) {
  try {
    return bpfgate::cli::run(argc, argv);
  } catch (const std::exception& error) {  // out of memory, or a defect in a library
    std::fprintf(stderr, "bpfgate: %s\n", error.what());
    return bpfgate::cli::exit_refused;
  }
}
