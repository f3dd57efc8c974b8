// SPDX-License-Identifier: MIT
// Base64 (RFC 4648, section 4): with padding, without line breaks.
#pragma once

#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

namespace bpfgate::crypto {

std::string to_base64(ByteView bytes);

// Anything but the one spelling that to_base64() has of these bytes is ErrorKind::Invalid.
Result<Bytes> from_base64(std::string_view text);

// The same for text that may be broken into lines, anywhere, as other programs write it.
Result<Bytes> from_wrapped_base64(std::string_view text);

}  // namespace bpfgate::crypto
