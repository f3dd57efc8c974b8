// SPDX-License-Identifier: MIT
// What a library of a loader's closure carries.
#pragma once

#include <filesystem>
#include <string_view>

#include "base/result.h"
#include "crypto/crypto.h"
#include "sign/sign.h"

namespace bpfgate::sign {

enum class LibraryState {
  Signed,
  Unsigned,
  OtherSigner,   // not by the certificate asked for
  OtherContent,  // by it, but not of this file
  Malformed,     // nothing the kernel would read
};

std::string_view name_of(LibraryState state);  // "signed", "unsigned", "other-signer", ...

// Without a certificate the presence of a readable signature is all that can be said.
Result<LibraryState> library_state(const std::filesystem::path& library, const crypto::Certificate* certificate,
                                   const Basis& basis);

}  // namespace bpfgate::sign
