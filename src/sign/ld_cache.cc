// SPDX-License-Identifier: MIT
// The format is glibc's sysdeps/generic/dl-cache.h, struct cache_file_new: a header of 48 bytes, entries of 24, strings
// at offsets from the header. ldconfig before glibc 2.32 put an older format in front; the new one follows it, aligned.
#include "sign/ld_cache.h"

#include <cstring>
#include <optional>

#include "base/io.h"

namespace bpfgate::sign {
namespace {

constexpr std::string_view magic = "glibc-ld.so.cache1.1";
constexpr size_t header_size = 48;
constexpr size_t entry_size = 24;
constexpr size_t max_cache_size = 256 << 20;

uint32_t u32_at(ByteView bytes, size_t offset) {
  uint32_t value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);  // in the host's byte order, as ldconfig wrote it
  return value;
}

std::optional<std::string> text_at(ByteView bytes, uint32_t offset) {
  if (offset >= bytes.size()) return std::nullopt;
  const char* text = reinterpret_cast<const char*>(bytes.data()) + offset;
  size_t length = ::strnlen(text, bytes.size() - offset);
  if (length == bytes.size() - offset) return std::nullopt;
  return std::string(text, length);
}

// Where the new format begins.
std::optional<ByteView> find_header(ByteView content) {
  std::string_view text(reinterpret_cast<const char*>(content.data()), content.size());
  size_t position = text.find(magic);
  if (position == std::string_view::npos || content.size() - position < header_size) return std::nullopt;
  return content.subspan(position);
}

}  // namespace

LdCache LdCache::of_host() {
  Result<Bytes> content = read_file("/etc/ld.so.cache", max_cache_size);
  return content ? parse(*content) : LdCache();
}

LdCache LdCache::parse(ByteView content) {
  LdCache cache;
  std::optional<ByteView> file = find_header(content);
  if (!file) return cache;
  size_t count = std::min<size_t>(u32_at(*file, magic.size()), (file->size() - header_size) / entry_size);
  for (size_t i = 0; i < count; ++i) {
    size_t entry = header_size + i * entry_size;
    std::optional<std::string> name = text_at(*file, u32_at(*file, entry + 4));
    std::optional<std::string> path = text_at(*file, u32_at(*file, entry + 8));
    if (name && path) cache.paths_[*name].push_back(*path);
  }
  return cache;
}

std::vector<std::string> LdCache::find(const std::string& name) const {
  auto found = paths_.find(name);
  return found != paths_.end() ? found->second : std::vector<std::string>();
}

}  // namespace bpfgate::sign
