// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfgate {

using Bytes = std::vector<uint8_t>;
using ByteView = std::span<const uint8_t>;

inline ByteView as_bytes(std::string_view text) { return {reinterpret_cast<const uint8_t*>(text.data()), text.size()}; }

// Lower-case hexadecimal, two digits per byte.
std::string to_hex(ByteView bytes);

// Accepts only pairs of hexadecimal digits, of either case; anything else, an odd length too, is ErrorKind::Invalid.
Result<Bytes> from_hex(std::string_view text);

}  // namespace bpfgate
