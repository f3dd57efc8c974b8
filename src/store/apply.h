// SPDX-License-Identifier: MIT
// From stores to the files: each gets its signature and is sealed.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "crypto/crypto.h"
#include "evidence/evidence.h"
#include "store/store.h"

namespace bpfgate::store {

enum class Outcome {
  Applied,
  AlreadyThere,  // signature and seal, as they should be
  OtherContent,  // no store has a word on what the file holds
  NoSignature,   // it is listed, and nobody has signed it yet
  Absent,        // no such file: not installed, or removed
};

std::string_view name_of(Outcome outcome);  // "applied", "already-there", ...

// What all stores together say of the files that a wanted one is about: signatures add up, whoever brings them. So
// those of a companion are there for the package that it accompanies, and the other way round.
std::vector<Entry> entries_for(const std::vector<Store>& stores, const std::function<bool(const Store&)>& is_wanted);

struct Application {
  int root = -1;     // a directory's descriptor: paths are below it, and symbolic links do not lead out. Not owned
  bool seal = true;  // else the signature alone
  // Of the signer: others' signatures are not put on files (ErrorKind::Refused). Null: nobody is asked for. Not owned.
  const crypto::Certificate* certificate = nullptr;
  // The host's policy, to choose by where several signatures are of one content. Null: there is none. Not owned.
  const evidence::Trust* trust = nullptr;
};

struct Applied {
  std::string path;
  Result<Outcome> outcome;
};

// Each path once, by name. The signature is written before the seal: interrupted anywhere, applying again goes on. What
// cannot be done is an error of that file alone; a file system without fs-verity ErrorKind::Unsupported, with the
// signature in place.
//
// Of several signatures the one counts that the policy makes most of. One that is on the file stays unless another is
// worth more, if it is an entry itself or the policy trusts it: nobody takes a loader's status away by adding a store.
std::vector<Applied> apply(const std::vector<Entry>& entries, const Application& application);

}  // namespace bpfgate::store
