// SPDX-License-Identifier: MIT
#include "manifest/layers.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>
#include <utility>

#include "base/directory.h"
#include "base/root.h"
#include "base/unique_fd.h"
#include "manifest/document.h"
#include "manifest/keys.h"
#include "manifest/parse_tree.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

using List = std::pair<const char*, size_t>;  // its key, and how many fit
constexpr List lists[] = {{"signers", kMaxSigners}, {"digests", kMaxDigests}, {"volumes", kMaxVolumes}};
constexpr List revoked_lists[] = {{"digests", kMaxRevokedDigests}, {"certificates", kMaxRevokedCertificates}};

// Puts drop-ins into the tree of the base, and remembers what is from where.
class Merger {
 public:
  Merger(const std::string& base, json& tree) : base_(base), tree_(tree) {}

  // Only as far as drop-ins meet it; the parser looks at all of the whole.
  Result<> check_base() {
    Place root(base_, tree_);
    TRY(root.check_object(keys::manifest));
    TRY(check_lists(root, lists));
    if (auto revoked = root.optional_member("revoked")) TRY(check_revoked(*revoked));
    auto grants = root.optional_member("grants");
    if (!grants) return {};
    TRY_ASSIGN(auto members, grants->members(kMaxGrants));
    for (const auto& [name, member] : members) grant_places_[name] = member.location();
    return {};
  }

  Result<> add(const std::string& file, json drop_in) {
    Place root(file, drop_in);
    TRY(check_drop_in(root));
    for (const List& list : lists) TRY(add_list(root, file, "", list, drop_in, tree_));
    if (auto revoked = root.optional_member("revoked")) {
      TRY(check_revoked(*revoked));
      if (!tree_.contains("revoked")) tree_["revoked"] = json::object();
      for (const List& list : revoked_lists)
        TRY(add_list(*revoked, file, "/revoked", list, drop_in["revoked"], tree_["revoked"]));
    }
    TRY(add_grants(root, file, drop_in));
    for (const char* key : {"mode", "default", "sequence"}) replace(file, key, drop_in);
    return {};
  }

  // Last of all: a list moves its elements when it grows.
  Origins origins(const fs::path& root) {
    Origins origins{root, {}};
    for (auto& [pointer, origin] : origins_) origins.of_part[&tree_[pointer]] = std::move(origin);
    return origins;
  }

 private:
  static Result<> check_lists(const Place& holder, std::span<const List> known) {
    for (const auto& [key, limit] : known)
      if (auto list = holder.optional_member(key)) TRY(list->array_size(limit));
    return {};
  }

  static Result<> check_revoked(const Place& revoked) {
    TRY(revoked.check_object(keys::revoked));
    return check_lists(revoked, revoked_lists);
  }

  static Result<> check_drop_in(const Place& root) {
    if (auto name = root.optional_member("name"))
      return name->fail("a drop-in does not name the policy", "remove it; the name is that of manifest.json");
    return root.check_object(keys::drop_in);
  }

  // From one object to the other; `within` is where in the tree they are.
  Result<> add_list(const Place& holder, const std::string& file, const std::string& within, const List& list,
                    json& from, json& to) {
    const auto& [key, limit] = list;
    auto place = holder.optional_member(key);
    if (!place) return {};
    TRY_ASSIGN(size_t count, place->array_size(limit));
    size_t before = to.contains(key) ? to[key].size() : 0;
    if (before + count > limit)
      return place->fail(std::to_string(before) + " are there already, at most " + std::to_string(limit) + " fit", {});
    for (size_t i = 0; i < count; ++i) {
      note(json::json_pointer(within + "/" + key) / (before + i), file, place->pointer() + "/" + std::to_string(i));
      to[key].push_back(std::move(from[key][i]));
    }
    return {};
  }

  Result<> add_grants(const Place& root, const std::string& file, json& drop_in) {
    auto place = root.optional_member("grants");
    if (!place) return {};
    TRY_ASSIGN(auto members, place->members(kMaxGrants));
    for (const auto& [name, member] : members) {
      auto [known, is_new] = grant_places_.emplace(name, member.location());
      if (!is_new)
        return member.fail("a grant named " + in_quotes(name) + " is already at " + known->second,
                           "give each grant a name of its own");
      note(json::json_pointer("/grants") / name, file, member.pointer());
      tree_["grants"][name] = std::move(drop_in["grants"][name]);
    }
    return {};
  }

  void replace(const std::string& file, const std::string& key, json& drop_in) {
    auto found = drop_in.find(key);
    if (found == drop_in.end()) return;
    note(json::json_pointer("/" + key), file, "/" + key);
    tree_[key] = std::move(*found);
  }

  void note(const json::json_pointer& part, const std::string& file, std::string pointer) {
    origins_.emplace_back(part, Origin{file, std::move(pointer)});
  }

  const std::string& base_;
  json& tree_;
  std::vector<std::pair<json::json_pointer, Origin>> origins_;
  std::map<std::string, std::string> grant_places_;
};

// A name that a drop-in of any layer may have. Hidden files, backups and READMEs are not meant.
bool is_drop_in(const fs::path& path) {
  return path.extension() == ".json" && !path.filename().native().starts_with('.');
}

// By file name, so in the order in which they are applied; a later layer's takes the place.
using DropIns = std::map<std::string, fs::path>;
using Directories = decltype(LayerPaths::directories);

// A link that leads nowhere is there, and an error to read: it must not bring a lower layer's policy back.
Result<> find_drop_ins(const Root& root, const fs::path& directory, DropIns& found) {
  auto fd = root.open(directory, O_RDONLY | O_DIRECTORY);
  if (!fd && fd.error().code == ENOENT && !root.has(directory)) return {};
  if (!fd) return std::unexpected(std::move(fd).error());
  TRY_ASSIGN(const std::vector<std::string> names, names_in(*std::move(fd), root.outside(directory).string()));
  for (const std::string& name : names)
    if (is_drop_in(name)) found[name] = directory / name;
  return {};
}

bool is_masked(const Root& root, const fs::path& path) {
  auto link = root.open(path, O_PATH | O_NOFOLLOW);
  std::array<char, 16> target;
  const ssize_t length = link ? ::readlinkat(link->get(), "", target.data(), target.size()) : -1;
  return length >= 0 && std::string_view(target.data(), static_cast<size_t>(length)) == "/dev/null";
}

Result<fs::path> find_base(const Root& root, const Directories& directories) {
  std::string looked_for;
  for (auto directory = directories.rbegin(); directory != directories.rend(); ++directory) {
    fs::path file = *directory / "manifest.json";
    if (root.has(file)) return file;
    looked_for += (looked_for.empty() ? "" : ", ") + root.outside(file).string();
  }
  return Failure(Error{ErrorKind::Invalid, "this host has no policy: none of " + looked_for + " is there",
                       "put the host's manifest there, or name one with --manifest", ENOENT});
}

Result<std::vector<fs::path>> find_files(const Root& root, const Directories& directories) {
  TRY_ASSIGN(fs::path base, find_base(root, directories));
  DropIns drop_ins;
  for (const fs::path& directory : directories) TRY(find_drop_ins(root, directory / "manifest.d", drop_ins));
  std::vector<fs::path> files{std::move(base)};
  for (const auto& [name, path] : drop_ins)
    if (!is_masked(root, path)) files.push_back(path);
  return files;
}

Result<Bytes> read_certificate(const Root& root, const fs::path& path) {
  TRY_ASSIGN(std::string content, root.read(path, kMaxCertificateBytes));
  return Bytes(content.begin(), content.end());
}

}  // namespace

Result<Manifest> parse_layers(const std::vector<Layer>& layers, const fs::path& root,
                              const CertificateReader& read_certificate) {
  if (layers.empty()) return fail(ErrorKind::Invalid, "a policy has a base");
  const std::string& base = layers.front().name;
  TRY_ASSIGN(json tree, parse_document(layers.front().text, base));
  Merger merger(base, tree);
  TRY(merger.check_base());
  for (size_t i = 1; i < layers.size(); ++i) {
    TRY_ASSIGN(json drop_in, parse_document(layers[i].text, layers[i].name));
    TRY(merger.add(layers[i].name, std::move(drop_in)));
  }
  Origins origins = merger.origins(root);
  return parse_tree(Place(base, tree, &origins), read_certificate);
}

Result<Layers> load_layers(const LayerPaths& paths) {
  TRY_ASSIGN(const Root root, Root::open(paths.root));
  TRY_ASSIGN(const std::vector<fs::path> files, find_files(root, paths.directories));
  Layers loaded;
  std::vector<Layer> layers;
  // Of all together, for whoever writes drop-ins may not be who has signed them.
  size_t left = kMaxManifestBytes;
  for (const fs::path& file : files) {
    TRY_ASSIGN(std::string text, root.read(file, left));
    left -= text.size();
    loaded.files.push_back(root.outside(file));
    layers.push_back({loaded.files.back().string(), std::move(text)});
  }
  TRY_ASSIGN(loaded.manifest, parse_layers(layers, root.directory(), [&root](const fs::path& certificate) {
               return read_certificate(root, certificate);
             }));
  // As certificates: of the system below `root`.
  if (auto& extension = loaded.manifest.extension) extension->path = root.outside(extension->path).string();
  return loaded;
}

}  // namespace bpfgate::manifest
