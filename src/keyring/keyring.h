// SPDX-License-Identifier: MIT
// Kernel keyrings that hold the gate's certificates. Source: keyctl(2), Linux security/keys/, crypto/asymmetric_keys/.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::keyring {

using Serial = int32_t;

// A keyring being filled. Until keep() is called its destructor takes it away again, so that a half-made policy leaves
// nothing behind. Move-only.
class Keyring {
 public:
  // A new, empty keyring named `name`, linked into the user keyring of the caller's real uid (which is what keeps it
  // alive). A keyring of that name there already is ErrorKind::Refused: the kernel would otherwise put the new one in
  // its place, and a policy in force would lose its certificates.
  static Result<Keyring> create(const std::string& name);
  Keyring(Keyring&& other) noexcept;
  Keyring& operator=(Keyring&& other) noexcept;
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;
  ~Keyring();

  // Adds an X.509 certificate (DER) as an "asymmetric" key. A certificate the kernel cannot parse or whose algorithm it
  // lacks is ErrorKind::Key with the reason. `description` is unique per keyring: a second key by the same description
  // is ErrorKind::Refused.
  Result<> add_certificate(const std::string& description, ByteView der);

  // Takes writing, linking and attribute changes away from everybody, and everything from group and others. What stays
  // is view, read and search, for the possessor (the kernel's PKCS#7 verification searches as one) and for the owner.
  // It cannot be taken back; remove() still works.
  Result<> protect();

  [[nodiscard]] Serial serial() const { return serial_; }
  Serial keep();

 private:
  explicit Keyring(Serial serial) : serial_(serial) {}
  void discard() noexcept;
  Serial serial_ = 0;
};

// Takes a kept keyring away (unlinks it from the user keyring and invalidates it). Gone already is success, and so is a
// serial that is not linked in the caller's user keyring: that is somebody else's key by now.
Result<> remove(Serial serial);

// How many keys the keyring with this serial holds; an error with code ENOKEY if there is none, and
// ErrorKind::Invalid for a key that is no keyring.
Result<size_t> key_count(Serial serial);

}  // namespace bpfgate::keyring
