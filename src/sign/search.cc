// SPDX-License-Identifier: MIT
#include "sign/search.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/bytes.h"

namespace bpfgate::sign {
namespace {

std::optional<size_t> find_in(ByteView content, std::span<const std::string> texts) {
  for (size_t i = 0; i < texts.size(); ++i) {
    if (::memmem(content.data(), content.size(), texts[i].data(), texts[i].size()) != nullptr) return i;
  }
  return std::nullopt;
}

size_t longest_of(std::span<const std::string> texts) {
  size_t longest = 0;
  for (const std::string& text : texts) longest = std::max(longest, text.size());
  return longest;
}

}  // namespace

// By pread in pieces that overlap, so that a file which shrinks meanwhile only ends early.
Result<std::optional<size_t>> find_any(int fd, std::span<const std::string> texts) {
  constexpr size_t piece = 1 << 20;
  Bytes buffer(piece + longest_of(texts));
  off_t offset = 0;
  for (;;) {
    ssize_t count = ::pread(fd, buffer.data(), buffer.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (auto found = find_in(ByteView(buffer).first(static_cast<size_t>(count)), texts)) return found;
    if (static_cast<size_t>(count) < buffer.size()) return std::nullopt;
    offset += piece;
  }
}

}  // namespace bpfgate::sign
