// SPDX-License-Identifier: MIT
// Signatures that travel beside the files they are of, for package formats that carry no extended attributes. One file
// for each package, SIGS_DIRECTORY/PACKAGE.json; docs/PACKAGING.md ("The signature store") is the reference.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "evidence/evidence.h"
#include "fsverity/fsverity.h"

namespace bpfgate::store {

// Below the root of the host, in the order in which they are read: what packages bring, and what was fetched. All that
// is in them counts, for a signature is of one content, and nobody's word for another.
inline constexpr const char* directories[] = {"/usr/lib/bpfgate/sigs.d", "/var/lib/bpfgate/sigs.d"};

inline constexpr size_t max_store_bytes = size_t{16} * 1024 * 1024;
inline constexpr size_t max_entries = 10000;

// That a file of this content has this signature. Several entries can be about one path: one for each version.
struct Entry {
  std::string path;         // absolute, as packages name it
  fsverity::Digest digest;  // with default parameters, but for the algorithm
  Bytes signature;          // DER PKCS#7; empty: to be made yet
  // With whose key it is to be signed. What the signature is worth then is the policy's to say, of its signer.
  evidence::Role role = evidence::Role::Loader;

  bool operator==(const Entry&) const = default;
};

struct Store {
  std::string package;
  std::vector<Entry> entries;

  bool operator==(const Store&) const = default;
};

std::string_view name_of(evidence::Role role);             // "loader", "library"
Result<evidence::Role> role_named(std::string_view name);  // the same words

// Every error is ErrorKind::Invalid and says where: "FILE: /signatures/0/digest: ...". A signature is looked at as far
// as the kernel would read it, not by whom it is.
Result<Store> parse(std::string_view text, const std::string& file);

// What parse() reads; the entries by path and digest, so that one store has one text.
std::string to_text(const Store& store);

Result<Store> load(const std::filesystem::path& file);

// Whether that is a store's file, by its place and name: what is below a directory of stores, or hidden in it, is none.
bool is_store(const std::filesystem::path& path);

// Every store's file, as seen from `root`, a directory's descriptor: by directory and name. Directories that are not
// there have none, and symbolic links do not lead out of the root.
Result<std::vector<std::filesystem::path>> find_stores(int root);

// One of those. What is no regular file is ErrorKind::Invalid, and nobody waits for it.
Result<Store> load_below(int root, const std::filesystem::path& file);

// All of them, by name: one that cannot be read keeps no other from being so.
Result<std::map<std::filesystem::path, Result<Store>>> load_stores(int root);

}  // namespace bpfgate::store
