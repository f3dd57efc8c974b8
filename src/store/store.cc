// SPDX-License-Identifier: MIT
#include "store/store.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

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
constexpr std::array<std::string_view, 3> entry_keys = {"path", "digest", "signature"};
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

// Names only, by which a file's signatures go with its package.
bool is_store(const fs::directory_entry& found) {
  return found.path().extension() == ".json" && found.path().filename().native().front() != '.';
}

Result<> append_stores(const fs::path& directory, std::vector<fs::path>& files) {
  std::error_code error;
  std::vector<fs::path> own;
  for (fs::directory_iterator found(directory, error), end; !error && found != end; found.increment(error))
    if (is_store(*found)) own.push_back(found->path());
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return fail_errno(directory.string(), error.value());
  std::ranges::sort(own);
  files.insert(files.end(), own.begin(), own.end());
  return {};
}

}  // namespace

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
    Json json = {{"path", entry.path}, {"digest", fsverity::to_string(entry.digest)}};
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

Result<std::vector<fs::path>> find_stores(const fs::path& root) {
  std::vector<fs::path> files;
  for (const char* directory : directories) TRY(append_stores(root / fs::path(directory).relative_path(), files));
  return files;
}

}  // namespace bpfgate::store
