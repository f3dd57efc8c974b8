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

// What digests are written as: "ALGORITHM:HEX". The name is not looked at, and neither is the length.
struct NamedBytes {
  std::string name;
  Bytes value;
};
Result<NamedBytes> named_bytes_from(std::string_view digest);

// For a terminal: every byte but printable ASCII as \xNN. Anybody can name a file or a process, and names must neither
// act on the terminal they are shown on nor look like a line of their own.
std::string printable(std::string_view text);

// A word of a command that is shown for people to copy: quoted for a shell where it must be, and printable. With bytes
// that are not, it takes a shell that knows $'...'.
std::string shell_word(std::string_view text);

}  // namespace bpfgate
