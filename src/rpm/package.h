// SPDX-License-Identifier: MIT
// The files of an .rpm, and the signatures that its signature header carries for them. Nothing is installed, no rpm
// database or configuration is read, and OpenPGP signatures are left to rpm.
//
// Source: rpm's docs/manual/format_v4.md; the tags are those that `rpmsign --signverity` writes.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "fsverity/fsverity.h"

namespace bpfgate::rpm {

// A regular file with content in the package; names that only the rpm database knows (%ghost) are none.
struct File {
  std::vector<std::string> names;  // several of hard links: one inode, and so one signature
  std::vector<size_t> entries;     // where they are in the header's order, as are the signatures
  mode_t mode = 0;
  uint64_t size = 0;
  // Of the packaging, and not executable. People edit such files, and rpm lets those stay that they have: sealed they
  // could not be written.
  bool is_configuration = false;
  std::optional<Bytes> signature;  // as the package carries it: the first name's that has one
};

// What of the signatures in a package counts: they may be damaged where the rest is not, and about to be replaced.
enum class Carried { Read, Ignored };

// Move-only.
class Package {
 public:
  // What is no package, or a damaged one, is ErrorKind::Invalid. Errors begin with the file's name.
  static Result<Package> open(const std::filesystem::path& path, Carried carried = Carried::Read);
  Package(Package&&) noexcept;
  Package& operator=(Package&&) noexcept;
  ~Package();

  [[nodiscard]] const std::vector<File>& files() const;
  // Of the signatures that it carries; nullopt where it says none.
  [[nodiscard]] std::optional<fsverity::Algorithm> algorithm() const;
  // Whether it says the SHA-256 of its header, which has been compared then. rpm before 4.14 wrote none.
  [[nodiscard]] bool has_header_digest() const;

  // Unpacks the files that are wanted, one after the other, into anonymous memory, and hands over a descriptor of it.
  // The content is what the package's header says that it is: librpm compares the digests.
  using Want = std::function<bool(const File& file)>;
  using Use = std::function<Result<>(size_t file, int fd)>;
  Result<> unpack(const Want& want, const Use& use) const;

  // Writes the package anew with these signatures, one for each of files(), nullopt for none, and no others. Header and
  // payload stay byte for byte, and so does the length where rpm has reserved enough space.
  Result<> write_signatures(const std::vector<std::optional<Bytes>>& signatures, fsverity::Algorithm algorithm) const;

 private:
  struct State;
  explicit Package(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bpfgate::rpm
