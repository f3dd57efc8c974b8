// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <vector>

#include "cli/cli.h"
#include "cli/volume_commands.h"
#include "cli/volume_options.h"
#include "image/inodes.h"
#include "manifest/grant.h"
#include "manifest/manifest.h"
#include "manifest/place.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;

struct ManifestOptions {
  VolumeOptions files;
  std::string name;
  std::vector<std::string> loaders;
};

struct Loader {
  std::vector<std::string> grants;
  std::string path;
};

Failure bad_loader(const std::string& text, const std::string& why) {
  return fail(ErrorKind::Usage, "--loader \"" + printable(text) + "\" " + why,
              "write GRANT=/PATH/IN/THE/IMAGE, or more grants with commas between them");
}

Result<std::vector<std::string>> split_grants(const std::string& text, const std::string& grants) {
  std::vector<std::string> names;
  for (size_t start = 0; start <= grants.size();) {
    const size_t end = std::min(grants.find(',', start), grants.size());
    names.push_back(grants.substr(start, end - start));
    if (!manifest::is_name(names.back())) return bad_loader(text, "names no grant");
    start = end + 1;
  }
  return names;
}

Result<Loader> parse_loader(const std::string& text) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return bad_loader(text, "has no grant");
  Loader loader;
  TRY_ASSIGN(loader.grants, split_grants(text, text.substr(0, equals)));
  loader.path = text.substr(equals + 1);
  const fs::path path = loader.path;
  if (!path.is_absolute() || !path.has_filename() || path.lexically_normal() != path)
    return bad_loader(text, "is no path from the image's root, without . and ..");
  return loader;
}

// As bpfgate's other commands name a volume: by its file.
Result<std::string> name_of(const ManifestOptions& options) {
  fs::path file = fs::path(options.files.image).filename();
  for (const char* ending : {".raw", ".img"})
    if (file.extension() == ending) file = file.stem();
  std::string name = options.name.empty() ? file.string() : options.name;
  if (manifest::is_name(name)) return name;
  return fail(ErrorKind::Usage, "\"" + printable(name) + "\" is no name for a volume",
              "give one with --name, of 1 to 63 characters of A-Z a-z 0-9 . _ -");
}

// The gate knows these two.
Result<> check_algorithm(const volume::Tree& tree, const ManifestOptions& options) {
  if (fsverity::digest_from_string(volume::root_hash_text(tree))) return {};
  return fail(ErrorKind::Invalid,
              tree_of(options.files).string() + " is of " + tree.algorithm + ", which no manifest can list",
              "make it anew, with sha256 or sha512");
}

Json loader_entry(const Loader& loader, uint64_t inode) {
  Json entry = {{"path", loader.path}, {"inode", inode}};
  if (loader.grants.size() == 1)
    entry["grant"] = loader.grants.front();
  else
    entry["grant"] = loader.grants;
  return entry;
}

Result<Json> loader_entries(const std::vector<Loader>& loaders, const CheckedVolume& checked) {
  std::vector<std::string> paths;
  paths.reserve(loaders.size());
  for (const Loader& loader : loaders) paths.push_back(loader.path);
  TRY_ASSIGN(const uint64_t covered, volume::covered_size(checked.tree));
  TRY_ASSIGN(const std::vector<uint64_t> numbers, image::inode_numbers(checked.image, covered, paths));
  Json entries = Json::array();
  std::map<uint64_t, std::string> known;
  for (size_t i = 0; i < loaders.size(); ++i) {
    auto [first, is_new] = known.emplace(numbers[i], paths[i]);
    if (!is_new)
      return fail(
          ErrorKind::Invalid,
          checked.image.name() + ": " + printable(first->second) + " and " + printable(paths[i]) + " are the same file",
          "name it once");
    entries.push_back(loader_entry(loaders[i], numbers[i]));
  }
  return entries;
}

// A manifest can be checked, and so an entry in one. Grants of one's own are some file's of the policy; here they are
// made up.
Result<> check_entry(const Json& entry, const std::vector<Loader>& loaders) {
  Json grants = Json::object();
  for (const Loader& loader : loaders)
    for (const std::string& grant : loader.grants)
      if (!manifest::is_built_in(grant)) grants[grant] = {{"commands", Json::array({"prog_load"})}};
  Json whole = {{"bpfgate", 1}, {"name", "check"}, {"sequence", 1}, {"mode", "audit"}};
  whole["volumes"] = Json::array({entry});
  whole["grants"] = std::move(grants);
  auto parsed = manifest::parse(whole.dump(), "/the manifest's entry", [](const fs::path&) { return Bytes{}; });
  if (!parsed) return Failure(std::move(parsed).error());
  return {};
}

Result<Json> entry_of(const ManifestOptions& options) {
  std::vector<Loader> loaders;
  for (const std::string& text : options.loaders) {
    TRY_ASSIGN(Loader loader, parse_loader(text));
    loaders.push_back(std::move(loader));
  }
  TRY_ASSIGN(const std::string name, name_of(options));
  // The numbers are worth what the content is, so that is held to the root hash first.
  TRY_ASSIGN(const CheckedVolume checked, check_volume_of(options.files));
  TRY(check_algorithm(checked.tree, options));
  Json entry = {{"name", name}, {"root_hash", volume::root_hash_text(checked.tree)}};
  TRY_ASSIGN(entry["loaders"], loader_entries(loaders, checked));
  TRY(check_entry(entry, loaders));
  return entry;
}

Result<int> print_manifest(const ManifestOptions& options) {
  TRY_ASSIGN(Json entry, entry_of(options));
  if (options.files.json) {
    Json output = json_output("volume manifest");
    output["volume"] = std::move(entry);
    print_json(output);
  } else {
    Json drop_in = Json::object();
    drop_in["volumes"] = Json::array({std::move(entry)});
    print_json(drop_in);
  }
  TRY(flush_output());
  return exit_good;
}

}  // namespace

void setup_volume_manifest(CLI::App& parent, int& status) {
  CLI::App* app = parent.add_subcommand("manifest", "print what a manifest says of a volume and its loaders");
  auto options = std::make_shared<ManifestOptions>();
  add_image_argument(*app, options->files);
  app->add_option("--loader", options->loaders,
                  "a file of the image that may call bpf(2), as GRANT=PATH; may be repeated")
      ->type_name("LOADER");
  app->add_option("--name", options->name, "of the volume (default: the image's)")->type_name("NAME");
  add_tree_option(*app, options->files);
  add_root_hash_options(*app, options->files);
  app->callback([options, &status] {
    Result<int> done = print_manifest(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
