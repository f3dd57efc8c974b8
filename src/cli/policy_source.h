// SPDX-License-Identifier: MIT
// Which policy a command is about: one manifest, or the host's own, put together from three directories; or which gate.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/app.h"
#include "manifest/layers.h"

namespace bpfgate::cli {

struct PolicySource {
  std::string file;  // empty: the host's
  std::string root;  // that the host's directories are below; empty: /
};

// A check for options: a shell's variable that was not set must not turn one policy, or order, into another.
std::string refuse_empty(const std::string& value);

// Declares --root, which does not go with `file`. Neither may be empty.
CLI::Option* add_root_option(CLI::App& app, PolicySource& source, CLI::Option* file);

// Declares --pin-directory.
void add_pin_directory(CLI::App& app, std::filesystem::path& directory);

manifest::LayerPaths layers_of(const PolicySource& source);

// The manifest's file alone, or all files of the host's policy, the base first.
Result<manifest::Layers> read_policy(const PolicySource& source);

// On stderr. A policy is for many hosts: what this one's kernel lacks is no error, but may be a mistake in writing; as
// what the notes are about.
Result<> warn_of_doubtful(const manifest::Manifest& manifest);

}  // namespace bpfgate::cli
