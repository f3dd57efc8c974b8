// SPDX-License-Identifier: MIT
// A value of a manifest together with where it is, so that every complaint can say where. Typed access only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bpfgate::manifest {

// Where a part of a tree was before the tree was put together from several files.
struct Origin {
  std::string file;
  std::string pointer;
};

struct Origins {
  std::filesystem::path root;                       // that all the files' names begin with; empty: none
  std::map<const nlohmann::json*, Origin> of_part;  // what is not here is where what holds it is
};

// Borrows the tree, the file's name and the origins: all outlive it.
class Place {
 public:
  Place(const std::string& file, const nlohmann::json& value, const Origins* origins = nullptr)
      : file_(&file), value_(&value), origins_(origins) {}

  // An Error of kind Invalid at this place: "FILE: /POINTER: what".
  [[nodiscard]] Failure fail(const std::string& what, std::string remedy) const;
  [[nodiscard]] std::string location() const;  // "FILE: /POINTER"
  // For a message about another place: the pointer, empty for the root; with its file where there are several.
  [[nodiscard]] std::string pointer() const { return origins_ == nullptr ? pointer_ : location(); }
  // What paths here are relative to: absolute, and as seen from Origins::root.
  [[nodiscard]] Result<std::filesystem::path> directory() const;
  [[nodiscard]] bool is_string() const { return value_->is_string(); }
  [[nodiscard]] bool is(std::string_view text) const {
    return is_string() && value_->get_ref<const std::string&>() == text;
  }

  // Fails unless this is an object whose keys are all among `known`.
  [[nodiscard]] Result<> check_object(std::span<const std::string_view> known) const;

  // A member of an object; absent is an error in the first and nullopt in the second.
  [[nodiscard]] Result<Place> member(std::string_view key) const;
  [[nodiscard]] std::optional<Place> optional_member(std::string_view key) const;

  // Fails unless this is an array of at most `limit` elements / an object of at most `limit` members.
  [[nodiscard]] Result<size_t> array_size(size_t limit) const;
  [[nodiscard]] Place element(size_t index) const;
  [[nodiscard]] Result<std::vector<std::pair<std::string, Place>>> members(size_t limit) const;

  // 1 to `max_bytes` bytes of text without control characters: a NUL would cut a path, an escape sequence would act on
  // the terminal it is shown on.
  [[nodiscard]] Result<std::string> text(size_t max_bytes) const;
  // 1 to kMaxNameBytes of A-Z a-z 0-9 . _ -
  [[nodiscard]] Result<std::string> name() const;
  [[nodiscard]] Result<bool> boolean() const;
  [[nodiscard]] Result<uint64_t> integer(uint64_t low, uint64_t high) const;
  // One of the words; the result is its index.
  [[nodiscard]] Result<size_t> word(std::string_view kind, std::span<const std::string_view> words) const;

 private:
  Place(const Place& parent, const nlohmann::json& value, const std::string& step);
  [[nodiscard]] Failure wrong_type(std::string_view wanted) const;

  const std::string* file_;
  const nlohmann::json* value_;
  const Origins* origins_;
  std::string pointer_;
};

// Whether `text` is a name: what Place::name() accepts.
bool is_name(std::string_view text);

}  // namespace bpfgate::manifest
