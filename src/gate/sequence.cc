// SPDX-License-Identifier: MIT
#include "gate/sequence.h"

#include <charconv>

#include "base/bytes.h"
#include "base/io.h"

namespace bpfgate::gate {
namespace {

constexpr size_t max_bytes = 32;

std::filesystem::path file_of(const std::filesystem::path& directory, const std::string& name) {
  return directory / (name + ".sequence");
}

Failure refuse_corrupt(const std::filesystem::path& file) {
  return fail(ErrorKind::Invalid, file.string() + " holds no sequence number",
              "Write the number of the newest manifest into it, or remove it: an older manifest loads then.");
}

}  // namespace

Result<std::optional<uint64_t>> recorded_sequence(const std::filesystem::path& directory, const std::string& name) {
  std::filesystem::path file = file_of(directory, name);
  auto text = read_text_file(file, max_bytes);
  if (!text && text.error().code == ENOENT) return std::nullopt;
  if (!text && text.error().kind == ErrorKind::Invalid) return refuse_corrupt(file);
  if (!text) return std::unexpected(std::move(text).error());
  uint64_t number = 0;
  const char* end = text->data() + text->size();
  auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || end - stop != 1 || *stop != '\n') return refuse_corrupt(file);
  return number;
}

Result<> record_sequence(const std::filesystem::path& directory, const manifest::Manifest& manifest) {
  TRY_ASSIGN(std::optional<uint64_t> before, recorded_sequence(directory, manifest.name));
  if (before && *before >= manifest.sequence) return {};
  TRY(make_directories(directory));
  std::string text = std::to_string(manifest.sequence) + "\n";
  return write_file_atomically(file_of(directory, manifest.name), as_bytes(text));
}

Result<> check_not_rolled_back(const std::filesystem::path& directory, const manifest::Manifest& manifest) {
  TRY_ASSIGN(std::optional<uint64_t> newest, recorded_sequence(directory, manifest.name));
  if (!newest || manifest.sequence >= *newest) return {};
  return fail(
      ErrorKind::Refused,
      "/sequence: " + std::to_string(manifest.sequence) + " is older than " + std::to_string(*newest) +
          ", which a sealed gate on this host has had",
      "Load the newer manifest; or, to go back on purpose, remove " + file_of(directory, manifest.name).string() + ".");
}

}  // namespace bpfgate::gate
