// SPDX-License-Identifier: MIT
#include "manifest/place.h"

#include <algorithm>

#include "manifest/document.h"
#include "manifest/manifest.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

std::string a_or_an(std::string_view noun) {
  if (noun == "null") return "null";
  bool vowel = !noun.empty() && std::string_view("aeiou").find(noun.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(noun);
}

// Of ASCII, and U+0080 to U+009F: some terminals act on those too.
bool has_control(std::string_view text) {
  unsigned char before = 0;
  for (char letter : text) {
    auto byte = static_cast<unsigned char>(letter);
    if (byte < 0x20 || byte == 0x7f || (before == 0xc2 && byte < 0xa0)) return true;
    before = byte;
  }
  return false;
}

bool is_name_letter(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') ||
         letter == '.' || letter == '_' || letter == '-';
}

}  // namespace

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= kMaxNameBytes && std::all_of(text.begin(), text.end(), is_name_letter);
}

Place::Place(const Place& parent, const nlohmann::json& value, const std::string& step)
    : file_(parent.file_), value_(&value), origins_(parent.origins_), pointer_(parent.pointer_ + step) {
  if (origins_ == nullptr) return;
  auto found = origins_->of_part.find(value_);
  if (found == origins_->of_part.end()) return;
  file_ = &found->second.file;
  pointer_ = found->second.pointer;
}

Result<std::filesystem::path> Place::directory() const {
  std::error_code error;
  std::filesystem::path file = std::filesystem::absolute(*file_, error);
  if (error) return bpfgate::fail(ErrorKind::Failed, *file_ + ": " + error.message());
  if (origins_ != nullptr && !origins_->root.empty()) file = "/" / file.lexically_relative(origins_->root);
  return file.parent_path();
}

std::string Place::location() const { return pointer_.empty() ? *file_ : *file_ + ": " + pointer_; }

Failure Place::fail(const std::string& what, std::string remedy) const {
  if (remedy.empty()) remedy = "docs/MANIFEST.md describes the format";
  return bpfgate::fail(ErrorKind::Invalid, location() + ": " + what, std::move(remedy));
}

Failure Place::wrong_type(std::string_view wanted) const {
  constexpr size_t short_enough = 40;
  std::string found =
      value_->is_structured() ? "" : value_->dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  if (found.size() > short_enough) found.clear();
  return fail("must be " + a_or_an(wanted) + ", not " + a_or_an(value_->type_name()) +
                  (found.empty() || value_->is_null() ? "" : " (" + found + ")"),
              {});
}

Result<> Place::check_object(std::span<const std::string_view> known) const {
  if (!value_->is_object()) return wrong_type("object");
  for (const auto& item : value_->items())
    if (std::find(known.begin(), known.end(), item.key()) == known.end())
      return Place(*this, item.value(), pointer_step(item.key()))
          .fail("unknown key", suggestion("keys here", item.key(), known));
  return {};
}

Result<Place> Place::member(std::string_view key) const {
  if (auto found = optional_member(key)) return *std::move(found);
  return fail("the key " + in_quotes(key) + " is missing", "add it (docs/MANIFEST.md describes the format)");
}

std::optional<Place> Place::optional_member(std::string_view key) const {
  auto found = value_->find(key);
  if (found == value_->end()) return std::nullopt;
  return Place(*this, *found, pointer_step(key));
}

Result<size_t> Place::array_size(size_t limit) const {
  if (!value_->is_array()) return wrong_type("array");
  if (value_->size() > limit)
    return fail("has " + std::to_string(value_->size()) + " elements, at most " + std::to_string(limit) + " fit", {});
  return value_->size();
}

Place Place::element(size_t index) const { return {*this, (*value_)[index], "/" + std::to_string(index)}; }

Result<std::vector<std::pair<std::string, Place>>> Place::members(size_t limit) const {
  if (!value_->is_object()) return wrong_type("object");
  if (value_->size() > limit)
    return fail("has " + std::to_string(value_->size()) + " members, at most " + std::to_string(limit) + " fit", {});
  std::vector<std::pair<std::string, Place>> all;
  for (const auto& item : value_->items())
    all.emplace_back(item.key(), Place(*this, item.value(), pointer_step(item.key())));
  return all;
}

Result<std::string> Place::text(size_t max_bytes) const {
  const auto* text = value_->get_ptr<const std::string*>();
  if (text == nullptr) return wrong_type("string");
  if (text->empty()) return fail("must not be empty", {});
  if (text->size() > max_bytes)
    return fail("has " + std::to_string(text->size()) + " bytes, at most " + std::to_string(max_bytes) + " fit", {});
  if (has_control(*text)) return fail("contains a control character", "remove it");
  return *text;
}

Result<std::string> Place::name() const {
  const auto* text = value_->get_ptr<const std::string*>();
  if (text == nullptr) return wrong_type("string");
  if (!is_name(*text))
    return fail(in_quotes(*text) + " is not a name",
                "a name has 1 to " + std::to_string(kMaxNameBytes) + " characters of A-Z a-z 0-9 . _ -");
  return *text;
}

Result<bool> Place::boolean() const {
  if (!value_->is_boolean()) return wrong_type("boolean");
  return value_->get<bool>();
}

Result<uint64_t> Place::integer(uint64_t low, uint64_t high) const {
  std::string wanted = low == high
                           ? "must be " + std::to_string(low)
                           : "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
  if (!value_->is_number()) return wrong_type("integer");
  if (value_->is_number_unsigned())
    if (auto number = value_->get<uint64_t>(); number >= low && number <= high) return number;
  return fail(wanted + ", not " + value_->dump(), {});
}

Result<size_t> Place::word(std::string_view kind, std::span<const std::string_view> words) const {
  const auto* text = value_->get_ptr<const std::string*>();
  if (text == nullptr) return wrong_type("string");
  auto found = std::find(words.begin(), words.end(), *text);
  if (found == words.end())
    return fail("no " + std::string(kind) + " is named " + in_quotes(*text),
                suggestion(std::string(kind) + "s", *text, words));
  return static_cast<size_t>(found - words.begin());
}

}  // namespace bpfgate::manifest
