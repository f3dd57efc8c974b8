// SPDX-License-Identifier: MIT
// What becomes of one package's signatures on this host. rpm asks in four steps: before anything of the package is
// there, what needs no content is checked; a file that has been written under a temporary name is compared with its
// signature and gets it; a file that has got its name is sealed; and when all have theirs it is the turn of stores, and
// of what waits for those. The first two can still refuse the package; and the
// first is the better one, because rpm before 4.20, when a file is refused, also removes those files of the package
// that were there and were to stay.
//
// All of it may run in a chroot without /proc: nothing here opens anything but the files themselves, and stores.
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
#include "stores.h"

namespace bpfgate::rpm_plugin {

struct PackageFile {
  std::string name;
  Bytes signature;  // empty: the package carries none for it
};

struct Contents {
  fsverity::Algorithm algorithm = fsverity::Algorithm::Sha256;
  std::vector<PackageFile> files;  // in the order of the package's header
  bool is_installed = true;        // else it is taken away
};

class Delivery {
 public:
  // Without certificates a signature is only looked at for its form: the gate has the last word anyway. But a seal
  // stays, whoever has put junk into a header, so only what is code gets one then.
  explicit Delivery(std::vector<crypto::Certificate> certificates, Stores stores = Stores())
      : certificates_(std::move(certificates)), stores_(std::move(stores)) {}

  // A new transaction: what is installed may be another than at the last one.
  void start() { stores_.forget(); }

  // The next package. An error, which begins with a file's name, means that a signature is none that the gate could
  // read, or is by nobody named.
  Result<> begin(Contents contents);

  // `written` is rpm's own descriptor, or -1; `path` the name the file has now, `destination` the one it will have. An
  // error means that the signature is not one of this file by a signer named, or cannot be told to be.
  Result<> prepare(size_t entry, int written, const char* path, const std::string& destination);

  // The file has its name. What cannot be sealed is remembered; so is what has been replaced since.
  void commit(const char* path);

  // All files that have been written have their names. A file without a signature of the package's may have one in a
  // store; and a signature that was compared with nobody's certificate, and the algorithm of its seal, count only where
  // no store says another. Once is enough: finish() does it where nobody has.
  void settle();

  // What did not succeed, one line each, and whatever was prepared and never committed if `is_installed`.
  std::vector<std::string> finish(bool is_installed);

 private:
  using Inode = std::pair<dev_t, ino_t>;
  struct Prepared {
    std::string destination;
    Bytes signature;
    fsverity::Digest digest;
    std::string path;  // that it was committed as
  };
  [[nodiscard]] Result<> check_claim(ByteView signature) const;
  [[nodiscard]] Result<> check(ByteView signature, const fsverity::Digest& digest) const;
  [[nodiscard]] std::map<std::string, Stores::Carried> names() const;
  [[nodiscard]] Result<bool> may_be_sealed(int fd) const;
  Result<> prepare_file(int fd, const Bytes& signature, const Inode& inode, const std::string& destination);
  [[nodiscard]] Result<> seal(const Inode& inode, const Prepared& prepared) const;
  [[nodiscard]] Result<bool> is_done_by_store(int fd, const Prepared& prepared) const;
  void seal_or_say(const Inode& inode, const Prepared& prepared);
  [[nodiscard]] fsverity::Parameters parameters() const { return {contents_.algorithm, 4096, {}}; }

  std::vector<crypto::Certificate> certificates_;
  Stores stores_;
  Contents contents_;
  std::map<Inode, Prepared> prepared_;
  std::vector<std::string> failures_;
};

}  // namespace bpfgate::rpm_plugin
