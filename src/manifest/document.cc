// SPDX-License-Identifier: MIT
#include "manifest/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "manifest/manifest.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

using Json = nlohmann::json;

// A manifest is five levels deep; more is a mistake or an attack on whatever walks the tree.
constexpr size_t kMaxDepth = 16;

std::string place_of_byte(std::string_view text, size_t offset) {
  std::string_view before = text.substr(0, offset);
  size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  size_t line_start = before.rfind('\n');
  size_t column = line_start == std::string_view::npos ? before.size() + 1 : before.size() - line_start;
  return std::to_string(line) + ":" + std::to_string(column);
}

// nlohmann's texts read "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ...; last read:
// '...'". The place is ours to say, and the quotation may be as long as the file.
std::string plain_words(std::string_view what) {
  if (size_t place = what.find("column "); place != std::string_view::npos)
    if (size_t colon = what.find(": ", place); colon != std::string_view::npos) what.remove_prefix(colon + 2);
  if (what.starts_with('[')) what.remove_prefix(std::min(what.size(), what.find(' ') + 1));
  if (size_t quotation = what.find("; last read"); quotation != std::string_view::npos)
    what = what.substr(0, quotation);
  return std::string(what.substr(0, 200));
}

// Builds the tree from SAX events. nlohmann's reader keeps its own stack on the heap, so depth costs no call stack, and
// returning false stops it: no exception is involved.
class TreeBuilder {
 public:
  TreeBuilder(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  bool null() { return put(Json()); }
  bool boolean(bool value) { return put(Json(value)); }
  bool number_integer(Json::number_integer_t value) { return put(Json(value)); }
  bool number_unsigned(Json::number_unsigned_t value) { return put(Json(value)); }
  bool number_float(Json::number_float_t value, const std::string&) { return put(Json(value)); }
  bool string(std::string& value) { return put(Json(std::move(value))); }
  bool binary(Json::binary_t&) { return false; }  // not in JSON text
  bool start_object(size_t) { return open(Json::object()); }
  bool start_array(size_t) { return open(Json::array()); }
  bool end_object() { return close(); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    Json& object = *open_.back();
    if (object.contains(name)) {
      error_ = Error{ErrorKind::Invalid, file_ + ": " + pointer() + pointer_step(name) + ": the key is given twice",
                     "keep one of the two; which one counts would otherwise depend on the reader", 0};
      return false;
    }
    slot_ = &object[name];
    keys_.back() = std::move(name);
    return true;
  }

  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& error) {
    size_t offset = position == 0 ? 0 : position - 1;
    error_ = Error{ErrorKind::Invalid, file_ + ":" + place_of_byte(text_, offset) + ": " + plain_words(error.what()),
                   "the file must be one JSON object (RFC 8259, no comments)", 0};
    return false;
  }

  Result<Json> take() {
    if (error_) return Failure(std::move(*error_));
    return std::move(root_);
  }

 private:
  // The place a value goes to: the root, the array's end, or where key() pointed.
  Json& place(Json&& value) {
    if (open_.empty()) return root_ = std::move(value);
    if (open_.back()->is_array()) {
      open_.back()->push_back(std::move(value));
      return open_.back()->back();
    }
    return *slot_ = std::move(value);
  }

  bool put(Json&& value) {
    place(std::move(value));
    return true;
  }

  // The pointers in open_ stay good: a container only grows while it is the innermost open one.
  bool open(Json&& container) {
    if (open_.size() >= kMaxDepth) {
      error_ = Error{ErrorKind::Invalid, file_ + ": " + pointer() + ": nested deeper than " + std::to_string(kMaxDepth),
                     "a manifest needs no more than five levels", 0};
      return false;
    }
    open_.push_back(&place(std::move(container)));
    keys_.emplace_back();
    return true;
  }

  bool close() {
    open_.pop_back();
    keys_.pop_back();
    return true;
  }

  // Of the container that is being filled.
  std::string pointer() const {
    std::string text;
    for (size_t i = 0; i + 1 < open_.size(); ++i)
      text += open_[i]->is_array() ? "/" + std::to_string(open_[i]->size() - 1) : pointer_step(keys_[i]);
    return text;
  }

  std::string_view text_;
  const std::string& file_;
  Json root_;
  Json* slot_ = nullptr;
  std::vector<Json*> open_;
  std::vector<std::string> keys_;  // per open container: the key being filled
  std::optional<Error> error_;
};

}  // namespace

std::string pointer_step(std::string_view key) {
  std::string step;
  for (char letter : key) {
    if (letter == '~')
      step += "~0";
    else if (letter == '/')
      step += "~1";
    else
      step += letter;
  }
  return "/" + escaped(step);
}

Result<Json> parse_document(std::string_view text, const std::string& file) {
  if (text.size() > kMaxManifestBytes)
    return fail(ErrorKind::Invalid, file + ": larger than " + std::to_string(kMaxManifestBytes) + " bytes");
  // nlohmann's reader takes a NUL for the end of the text and would not see what follows it.
  if (size_t nul = text.find('\0'); nul != std::string_view::npos)
    return fail(ErrorKind::Invalid, file + ":" + place_of_byte(text, nul) + ": a NUL byte",
                "the file must be one JSON object (RFC 8259, no comments)");
  TreeBuilder builder(text, file);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

}  // namespace bpfgate::manifest
