// SPDX-License-Identifier: MIT
// Private to this room: librpm, loaded when a package is at hand.
#pragma once

#include <rpm/header.h>
#include <rpm/rpmarchive.h>
#include <rpm/rpmfi.h>
#include <rpm/rpmfiles.h>
#include <rpm/rpmio.h>
#include <rpm/rpmlog.h>
#include <rpm/rpmtag.h>
#include <rpm/rpmtd.h>

#include <cstdlib>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/shared_library.h"

// Every function of librpm and librpmio that is called, by its own name.
// clang-format off
#define BPFGATE_LIBRPM_FUNCTIONS(X)                                                                              \
  X(Fclose) X(Fdopen) X(fdDup)                                                                                   \
  X(headerDel) X(headerExport) X(headerFree) X(headerFreeIterator) X(headerGet) X(headerGetNumber)               \
  X(headerGetString) X(headerInitIterator) X(headerNew) X(headerNext) X(headerPut)               \
  X(headerPutStringArray) X(headerPutUint32) X(headerRead) X(headerReload)                                       \
  X(rpmfiArchiveClose) X(rpmfiArchiveHasContent) X(rpmfiArchiveReadToFile) X(rpmfiFree)                          \
  X(rpmfiNewArchiveReader) X(rpmfiNext) X(rpmfileStrerror)                                                       \
  X(rpmfilesFC) X(rpmfilesFFlags) X(rpmfilesFLinks) X(rpmfilesFMode) X(rpmfilesFN) X(rpmfilesFSize)              \
  X(rpmfilesFree) X(rpmfilesNew)                                                                                 \
  X(rpmlogRecMessage) X(rpmlogSetCallback)                                                                       \
  X(rpmtdFreeData) X(rpmtdNextString)
// clang-format on

namespace bpfgate::rpm {

struct Librpm {
  BPFGATE_LIBRPM_FUNCTIONS(BPFGATE_DECLARE_FUNCTION)
};

// Loads the library that this was built for; it stays. ErrorKind::Unsupported where it is missing.
Result<> load_librpm();
// Only after load_librpm() was successful.
const Librpm& librpm();

// What librpm has said to this thread since the last call, in one line; librpm prints nothing itself.
std::string take_messages();

struct Release {
  void operator()(headerToken_s* header) const { librpm().headerFree(header); }
  void operator()(headerIterator_s* iterator) const { librpm().headerFreeIterator(iterator); }
  void operator()(rpmfiles_s* files) const { librpm().rpmfilesFree(files); }
  void operator()(_FD_s* stream) const { librpm().Fclose(stream); }
};
using HeaderHandle = std::unique_ptr<headerToken_s, Release>;
using IteratorHandle = std::unique_ptr<headerIterator_s, Release>;
using FilesHandle = std::unique_ptr<rpmfiles_s, Release>;
using Stream = std::unique_ptr<_FD_s, Release>;

struct Free {
  void operator()(void* memory) const { std::free(memory); }
};
using Text = std::unique_ptr<char, Free>;

// A tag's data, for as long as this lives.
class TagData {
 public:
  TagData() = default;
  TagData(const TagData&) = delete;
  TagData& operator=(const TagData&) = delete;
  ~TagData() { librpm().rpmtdFreeData(&data_); }
  rpmtd get() { return &data_; }
  rpmtd operator->() { return &data_; }

 private:
  rpmtd_s data_ = {};
};

}  // namespace bpfgate::rpm
