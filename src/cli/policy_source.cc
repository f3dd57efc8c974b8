// SPDX-License-Identifier: MIT
#include "cli/policy_source.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "gate/gate.h"
#include "gate/notes.h"

namespace bpfgate::cli {

std::string refuse_empty(const std::string& value) { return value.empty() ? "the name is empty" : ""; }

CLI::Option* add_root_option(CLI::App& app, PolicySource& source, CLI::Option* file) {
  file->check(refuse_empty);
  return app.add_option("--root", source.root, "look for the host's policy below this directory, as in an image")
      ->type_name("DIR")
      ->check(refuse_empty)
      ->excludes(file);
}

void add_pin_directory(CLI::App& app, std::filesystem::path& directory) {
  // A gate is called by its last component, too, and looked for wherever bpffs is mounted.
  auto whole = [](const std::string& text) {
    std::filesystem::path path = std::filesystem::absolute(text);
    return (path.has_filename() ? path : path.parent_path()).string();
  };
  app.add_option("--pin-directory", directory, "where in bpffs the gate is")
      ->type_name("DIR")
      ->check(refuse_empty)
      ->transform(whole)
      ->capture_default_str();
}

manifest::LayerPaths layers_of(const PolicySource& source) { return {.root = source.root}; }

Result<manifest::Layers> read_policy(const PolicySource& source) {
  if (source.file.empty()) return manifest::load_layers(layers_of(source));
  TRY_ASSIGN(manifest::Manifest manifest, manifest::load(source.file));
  return manifest::Layers{std::move(manifest), {source.file}};
}

Result<> warn_of_doubtful(const manifest::Manifest& manifest) {
  TRY_ASSIGN(std::vector<std::string> unknown, gate::unknown_names(manifest));
  for (const std::string& sentence : unknown) std::fprintf(stderr, "bpfgate: warning: %s\n", sentence.c_str());
  for (const std::string& sentence : gate::notes_on(manifest))
    std::fprintf(stderr, "bpfgate: note: %s\n", sentence.c_str());
  return {};
}

}  // namespace bpfgate::cli
