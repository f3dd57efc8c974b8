// SPDX-License-Identifier: MIT
// What becomes of one package's signatures on this host. rpm asks in two steps: a file that has been written under a
// temporary name is checked and gets its signature; when all files have their names it is sealed. Only the first step
// can still refuse the package.
//
// Both may run in a chroot without /proc, so nothing here opens anything but the files themselves.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/crypto.h"
#include "fsverity/fsverity.h"

namespace bpfgate::rpm_plugin {

struct Signatures {
  fsverity::Algorithm algorithm = fsverity::Algorithm::Sha256;
  std::vector<Bytes> entries;  // in the order of the package's header; empty: not signed
};

class Delivery {
 public:
  // Without certificates a signature is only looked at for its form: the gate has the last word anyway.
  Delivery(std::vector<crypto::Certificate> certificates, Signatures signatures)
      : certificates_(std::move(certificates)), signatures_(std::move(signatures)) {}

  void begin(Signatures signatures);

  // `written` is rpm's own descriptor, or -1; `path` the name the file has now, `destination` the one it will have. An
  // error means that the signature is not one of this file by a signer named, or cannot be told to be.
  Result<> prepare(size_t entry, int written, const char* path, const std::string& destination);

  // The file has its name. What cannot be sealed is remembered; so is what has been replaced since.
  void commit(const char* path);

  // What did not succeed, one line each, and whatever was prepared and never committed if `is_installed`.
  std::vector<std::string> finish(bool is_installed);

 private:
  using Inode = std::pair<dev_t, ino_t>;
  struct Prepared {
    std::string destination;
    fsverity::Digest digest;
  };
  [[nodiscard]] Result<> check(ByteView signature, const fsverity::Digest& digest) const;
  [[nodiscard]] Result<> seal(const char* path, const Inode& inode, const Prepared& prepared) const;
  [[nodiscard]] fsverity::Parameters parameters() const { return {signatures_.algorithm, 4096, {}}; }

  std::vector<crypto::Certificate> certificates_;
  Signatures signatures_;
  std::map<Inode, Prepared> prepared_;
  std::vector<std::string> failures_;
};

}  // namespace bpfgate::rpm_plugin
