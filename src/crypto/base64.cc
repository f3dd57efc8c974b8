// SPDX-License-Identifier: MIT
#include "crypto/base64.h"

#include <openssl/evp.h>

#include <algorithm>
#include <iterator>

namespace bpfgate::crypto {

std::string to_base64(ByteView bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // EVP_EncodeBlock() ends it with a NUL
  int length =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(), static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

Result<Bytes> from_base64(std::string_view text) {
  Bytes bytes(text.size() / 4 * 3);
  int length = text.size() % 4 != 0 ? -1
                                    : EVP_DecodeBlock(bytes.data(), reinterpret_cast<const unsigned char*>(text.data()),
                                                      static_cast<int>(text.size()));
  if (length < 0) return fail(ErrorKind::Invalid, "is not base64", "write it without line breaks, as base64 -w 0 does");
  // The padding counts as zeros there.
  size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  bytes.resize(static_cast<size_t>(length) - padding);
  // It overlooks blanks around the text and bits behind the last byte: two texts of one signature would be two entries.
  if (to_base64(bytes) != text) return fail(ErrorKind::Invalid, "is not base64 as it is written", "see base64 -w 0");
  return bytes;
}

Result<Bytes> from_wrapped_base64(std::string_view text) {
  std::string whole;
  std::ranges::copy_if(text, std::back_inserter(whole), [](char letter) { return letter != '\n' && letter != '\r'; });
  return from_base64(whole);
}

}  // namespace bpfgate::crypto
