// SPDX-License-Identifier: MIT
// From a store to the files: each gets its signature and is sealed.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/crypto.h"
#include "store/store.h"

namespace bpfgate::store {

enum class Outcome {
  Applied,
  AlreadyThere,  // signature and seal, as they should be
  OtherContent,  // no signature of the store is of what the file holds
  NoSignature,   // the store has an entry for it that nobody has signed yet
  Absent,        // no such file: not installed, or removed
};

std::string_view name_of(Outcome outcome);  // "applied", "already-there", ...

struct Application {
  std::filesystem::path root = "/";  // paths are below it, and symbolic links do not lead out
  bool seal = true;                  // else the signature alone
  // Of the signer: others' signatures are not put on files (ErrorKind::Refused). Null: nobody is asked for. Not owned.
  const crypto::Certificate* certificate = nullptr;
};

struct Applied {
  std::string path;
  Result<Outcome> outcome;
};

// Each path once, in the store's order. The signature is written before the seal: interrupted anywhere, applying again
// goes on. What cannot be done is an error of that file alone; a file system without fs-verity ErrorKind::Unsupported,
// with the signature in place.
std::vector<Applied> apply(const Store& store, const Application& application);

}  // namespace bpfgate::store
