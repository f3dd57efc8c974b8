// SPDX-License-Identifier: MIT
#include "base/bytes.h"

namespace bpfgate {
namespace {

int nibble(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

}  // namespace

std::string to_hex(ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (uint8_t byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

Result<Bytes> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return fail(ErrorKind::Invalid, "odd number of hexadecimal digits");
  Bytes bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i < text.size(); i += 2) {
    int high = nibble(text[i]);
    int low = nibble(text[i + 1]);
    if (high < 0 || low < 0)
      return fail(ErrorKind::Invalid, "not a hexadecimal digit at position " + std::to_string(i));
    bytes.push_back(static_cast<uint8_t>(high << 4 | low));
  }
  return bytes;
}

Result<NamedBytes> named_bytes_from(std::string_view digest) {
  size_t colon = digest.find(':');
  if (colon == std::string_view::npos)
    return fail(ErrorKind::Invalid, "digest \"" + std::string(digest) + "\" names no algorithm", "write sha256:HEX");
  TRY_ASSIGN(Bytes value, from_hex(digest.substr(colon + 1)));
  return NamedBytes{std::string(digest.substr(0, colon)), std::move(value)};
}

std::string printable(std::string_view text) {
  std::string result;
  for (char c : text) {
    auto byte = static_cast<uint8_t>(c);
    result += byte < ' ' || byte > '~' ? "\\x" + to_hex(ByteView(&byte, 1)) : std::string(1, c);
  }
  return result;
}

std::string shell_word(std::string_view text) {
  constexpr std::string_view safe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789%+,-./:=@_";
  if (!text.empty() && text.find_first_not_of(safe) == std::string_view::npos) return std::string(text);
  const bool is_printable = printable(text) == text;
  std::string result = is_printable ? "'" : "$'";
  for (char c : text) {
    if (is_printable)
      result += c == '\'' ? "'\\''" : std::string(1, c);
    else
      result += c == '\'' || c == '\\' ? std::string("\\") + c : printable({&c, 1});
  }
  return result + "'";
}

}  // namespace bpfgate
