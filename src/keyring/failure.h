// SPDX-License-Identifier: MIT
// What the kernel's key errnos mean here, and what to do about them.
#pragma once

#include <cerrno>
#include <string_view>

#include "base/result.h"

namespace bpfgate::keyring {

// For a key system call that set errno; `what` names the operation and the key.
Failure key_failure(std::string_view what, int code = errno);

// The same while adding a certificate, where the errnos are about the certificate.
Failure certificate_failure(std::string_view what, int code = errno);

}  // namespace bpfgate::keyring
