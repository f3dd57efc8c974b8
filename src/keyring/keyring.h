// SPDX-License-Identifier: MIT
// Kernel keyrings that hold the gate's certificates. Source: keyctl(2), Linux security/keys/, crypto/asymmetric_keys/.
#pragma once

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
  // A new, empty keyring named `name`, linked into the caller's user keyring (which is what keeps it alive).
  static Result<Keyring> create(const std::string& name);
  Keyring(Keyring&& other) noexcept;
  Keyring& operator=(Keyring&& other) noexcept;
  Keyring(const Keyring&) = delete;
  Keyring& operator=(const Keyring&) = delete;
  ~Keyring();

  // Adds an X.509 certificate (DER) as an "asymmetric" key. A certificate the kernel cannot parse or whose algorithm it
  // lacks is ErrorKind::Key with the reason.
  Result<> add_certificate(const std::string& description, ByteView der);

  // Takes writing, linking and attribute changes away from everybody, and everything from group and others.
  // The possessor's search permission stays: the kernel's PKCS#7 verification searches as possessor.
  Result<> protect();

  [[nodiscard]] Serial serial() const { return serial_; }
  Serial keep();

 private:
  explicit Keyring(Serial serial) : serial_(serial) {}
  Serial serial_ = 0;
};

// Takes a kept keyring away (unlinks it from the user keyring and invalidates it). Gone already is success.
Result<> remove(Serial serial);

// Whether a keyring with this serial exists and how many keys it holds.
Result<size_t> key_count(Serial serial);

}  // namespace bpfgate::keyring
