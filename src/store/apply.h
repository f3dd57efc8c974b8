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
  Kept,          // it has a signature or other evidence that what stores have would take away
  Untrusted,     // it is listed and signed, and the policy makes nothing of that
  OtherContent,  // no store has a word on what the file holds
  NoSignature,   // it is listed, and nobody has signed it yet
  Absent,        // no such file: not installed, or removed
};

std::string_view name_of(Outcome outcome);  // "applied", "already-there", ...

// What all stores together say of the files that a wanted one is about: signatures add up, whoever brings them. So
// those of a companion are there for the package that it accompanies, and the other way round; also where one calls
// /usr/sbin/x what is /sbin/x to the other. `root`: see Application.
std::vector<Entry> entries_for(int root, const std::vector<Store>& stores,
                               const std::function<bool(const Store&)>& is_wanted);

struct Application {
  int root = -1;     // a directory's descriptor: paths are below it, and symbolic links do not lead out. Not owned
  bool seal = true;  // else the signature alone
  // Of the signer: others' signatures are not put on files (ErrorKind::Refused). Null: nobody is asked for. Not owned.
  const crypto::Certificate* certificate = nullptr;
  // The host's policy: only what it makes something of is applied. Null: there is none. Not owned.
  const evidence::Trust* trust = nullptr;
  // Without a policy: a signature that is on the file is of no better origin than what stores have, and does not stay.
  bool replaces = false;
};

struct Applied {
  std::string path;                // the first of its names
  std::vector<std::string> names;  // as stores call it
  Result<Outcome> outcome;
};

// Each file once, by name. The signature is written before the seal: interrupted anywhere, applying again goes on. What
// cannot be done is an error of that file alone; a file system without fs-verity ErrorKind::Unsupported, with the
// signature in place. What is no code (see store/choice.h) is ErrorKind::Refused.
//
// With a policy, of several signatures the one counts that it makes most of; a digest that it lists needs none. What it
// makes nothing of is left alone, and so is a file that would be less than it is: nobody takes a loader's status away,
// or makes a file read-only, by adding a store. Without one, a well-formed signature that is on a file stays, whoever
// it is by, unless a certificate is asked for.
std::vector<Applied> apply(const std::vector<Entry>& entries, const Application& application);

}  // namespace bpfgate::store
