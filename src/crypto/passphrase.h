// SPDX-License-Identifier: MIT
// Hands a PassphraseSource to OpenSSL's C callbacks. Not for other rooms.
#pragma once

#include <optional>

#include "crypto/openssl.h"

namespace bpfgate::crypto {

// Asks its source at most once, and keeps the source's error, which OpenSSL would replace by one of its own.
class PassphrasePrompt {
 public:
  explicit PassphrasePrompt(const PassphraseSource& source) : source_(source) {}

  // A pem_password_cb; `prompt` is the PassphrasePrompt.
  static int answer(char* buffer, int size, int is_encryption, void* prompt);

  [[nodiscard]] bool was_asked() const { return asked_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  int fill(char* buffer, int size);

  const PassphraseSource& source_;
  bool asked_ = false;
  std::optional<Error> error_;
};

}  // namespace bpfgate::crypto
