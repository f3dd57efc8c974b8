// SPDX-License-Identifier: MIT
#include "store/store.h"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "base/directory.h"
#include "base/io.h"
#include "crypto/base64.h"
#include "crypto/crypto.h"
#include "evidence/evidence.h"
#include "manifest/document.h"
#include "manifest/place.h"

namespace bpfgate::store {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using manifest::Place;

constexpr std::array<std::string_view, 3> store_keys = {"bpfgate", "package", "signatures"};
constexpr std::array<std::string_view, 4> entry_keys = {"path", "digest", "role", "signature"};
constexpr uint64_t format_version = 1;
constexpr size_t max_path_bytes = 4095;

auto order_of(const Entry& entry) { return std::tuple(entry.path, fsverity::to_string(entry.digest)); }

Result<std::string> read_path(const Place& place) {
  TRY_ASSIGN(std::string path, place.text(max_path_bytes));
  if (path.front() != '/' || path.back() == '/' || fs::path(path).lexically_normal().native() != path)
    return place.fail("is no absolute path without . and ..", "write it as the package installs it: /usr/sbin/bpftool");
  return path;
}

Result<Bytes> read_signature(const Place& place) {
  TRY_ASSIGN(std::string text, place.text(2 * evidence::max_signature_size));
  auto signature = crypto::from_base64(text);
  if (!signature) return place.fail(signature.error().message, signature.error().remedy);
  if (signature->size() > evidence::max_signature_size)
    return place.fail("is longer than the gate reads", "leave certificates out of the signature");
  if (auto formed = crypto::check_well_formed(*signature); !formed)
    return place.fail(formed.error().message, "sign the package's files anew");
  return signature;
}

// Never taken for granted: a library that is signed as a loader is one.
Result<evidence::Role> read_role(const Place& entry) {
  TRY_ASSIGN(Place place, entry.member("role"));
  TRY_ASSIGN(std::string text, place.text(32));
  auto role = role_named(text);
  if (!role) return place.fail(role.error().message, role.error().remedy);
  return role;
}

Result<Entry> read_entry(const Place& place) {
  TRY(place.check_object(entry_keys));
  Entry entry;
  TRY_ASSIGN(Place path, place.member("path"));
  TRY_ASSIGN(entry.path, read_path(path));
  TRY_ASSIGN(Place digest, place.member("digest"));
  TRY_ASSIGN(std::string text, digest.text(256));
  auto value = fsverity::digest_from_string(text);
  if (!value) return digest.fail(value.error().message, "write it as bpfgate digest prints it");
  entry.digest = *value;
  TRY_ASSIGN(entry.role, read_role(place));
  auto signature = place.optional_member("signature");
  if (!signature) return entry;
  TRY_ASSIGN(entry.signature, read_signature(*signature));
  return entry;
}

Result<> read_version(const Place& root) {
  TRY_ASSIGN(Place version, root.member("bpfgate"));
  if (version.integer(format_version, format_version)) return {};
  return version.fail("is a format that this version does not read", "a newer format needs a newer version of bpfgate");
}

Result<std::vector<Entry>> read_entries(const Place& list) {
  TRY_ASSIGN(size_t count, list.array_size(max_entries));
  std::vector<Entry> entries;
  std::set<std::tuple<std::string, std::string>> known;
  for (size_t i = 0; i < count; ++i) {
    Place place = list.element(i);
    TRY_ASSIGN(Entry entry, read_entry(place));
    if (!known.insert(order_of(entry)).second)
      return place.fail("this content of " + printable(entry.path) + " is there already", "list it once");
    entries.push_back(std::move(entry));
  }
  return entries;
}

Result<> append_stores(int root, const fs::path& directory, std::vector<fs::path>& files) {
  auto fd = open_in_root(root, directory, O_RDONLY | O_DIRECTORY);
  if (!fd && (fd.error().code == ENOENT || fd.error().code == ENOTDIR)) return {};
  if (!fd) return Failure(std::move(fd).error());
  TRY_ASSIGN(const std::vector<std::string> names, names_in(*std::move(fd), directory.string()));
  for (const std::string& name : names)
    if (is_store(directory / name)) files.push_back(directory / name);
  return {};
}

}  // namespace

std::string_view name_of(evidence::Role role) { return role == evidence::Role::Loader ? "loader" : "library"; }

Result<evidence::Role> role_named(std::string_view name) {
  for (evidence::Role role : {evidence::Role::Loader, evidence::Role::Library})
    if (name == name_of(role)) return role;
  return fail(ErrorKind::Invalid, "is neither loader nor library", "say what the file is to be signed as");
}

Result<Store> parse(std::string_view text, const std::string& file) {
  TRY_ASSIGN(nlohmann::json tree, manifest::parse_document(text, file));
  Place root(file, tree);
  TRY(root.check_object(store_keys));
  TRY(read_version(root));
  Store store;
  TRY_ASSIGN(Place package, root.member("package"));
  TRY_ASSIGN(store.package, package.text(255));
  TRY_ASSIGN(Place list, root.member("signatures"));
  TRY_ASSIGN(store.entries, read_entries(list));
  return store;
}

std::string to_text(const Store& store) {
  std::vector<Entry> entries = store.entries;
  std::ranges::sort(entries, {}, order_of);
  Json list = Json::array();
  for (const Entry& entry : entries) {
    Json json = {{"path", entry.path},
                 {"digest", fsverity::to_string(entry.digest)},
                 {"role", std::string(name_of(entry.role))}};
    if (!entry.signature.empty()) json["signature"] = crypto::to_base64(entry.signature);
    list.push_back(std::move(json));
  }
  Json json = {{"bpfgate", format_version}, {"package", store.package}, {"signatures", std::move(list)}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<Store> load(const fs::path& file) {
  TRY_ASSIGN(std::string text, read_text_file(file, max_store_bytes));
  return parse(text, file.string());
}

bool is_store(const fs::path& path) {
  std::string name = path.filename().string();
  return path.extension() == ".json" && name.front() != '.' &&
         std::ranges::any_of(directories, [&](const char* directory) { return path.parent_path() == directory; });
}

Result<std::vector<fs::path>> find_stores(int root) {
  std::vector<fs::path> files;
  for (const char* directory : directories) TRY(append_stores(root, directory, files));
  return files;
}

Result<Store> load_below(int root, const fs::path& file) {
  TRY_ASSIGN(UniqueFd fd, open_regular_in_root(root, file));
  TRY_ASSIGN(std::string text, read_text(fd.get(), max_store_bytes, file.string()));
  return parse(text, file.string());
}

Result<std::map<fs::path, Result<Store>>> load_stores(int root) {
  TRY_ASSIGN(const std::vector<fs::path> files, find_stores(root));
  std::map<fs::path, Result<Store>> stores;
  for (const fs::path& file : files) stores.emplace(file, load_below(root, file));
  return stores;
}

}  // namespace bpfgate::store
