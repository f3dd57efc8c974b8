// SPDX-License-Identifier: MIT
#include "manifest/text.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace bpfgate::manifest {
namespace {

constexpr size_t kQuotedBytes = 80;
constexpr size_t kForgiven = 2;

// ASCII only: names are ASCII, and the locale must not decide what a manifest's author meant.
char lower(char letter) { return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter - 'A' + 'a') : letter; }

std::string folded(std::string_view word) {
  std::string text;
  for (char letter : word)
    if (letter != '_' && letter != '-') text += lower(letter);
  if (text.starts_with("bpf")) text.erase(0, 3);
  return text;
}

// Levenshtein distance with one row: row[j] is the distance of the first i letters of `from` to the first j of `to`.
size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<size_t> row(to.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (size_t i = 1; i <= from.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= to.size(); ++j) {
      size_t replaced = diagonal + (from[i - 1] == to[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row.back();
}

}  // namespace

std::string escaped(std::string_view text) {
  bool cut = text.size() > kQuotedBytes;
  // ensure_ascii escapes every control and non-ASCII character; `replace` makes a cut UTF-8 sequence harmless.
  std::string json = nlohmann::json(std::string(text.substr(0, kQuotedBytes)))
                         .dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
  std::string inner = json.substr(1, json.size() - 2);
  // JSON lets DEL stand as it is; a terminal need not.
  for (size_t at = inner.find('\x7f'); at != std::string::npos; at = inner.find('\x7f', at))
    inner.replace(at, 1, "\\u007f");
  return cut ? inner + "..." : inner;
}

std::string in_quotes(std::string_view text) { return '"' + escaped(text) + '"'; }

std::string listed(std::span<const std::string_view> words) {
  if (words.empty()) return "none";
  std::string text(words.front());
  for (size_t i = 1; i < words.size(); ++i) {
    text += i + 1 == words.size() ? " and " : ", ";
    text += words[i];
  }
  return text;
}

std::string listed(const std::vector<std::string>& words) {
  return listed(std::vector<std::string_view>(words.begin(), words.end()));
}

std::string_view closest(std::string_view word, std::span<const std::string_view> candidates) {
  // The cost of a comparison grows with the word, and a word this long is no typing error.
  if (word.size() > kQuotedBytes) return {};
  std::string wanted = folded(word);
  std::string_view best;
  size_t best_distance = kForgiven + 1;
  for (std::string_view candidate : candidates) {
    size_t distance = edit_distance(wanted, folded(candidate));
    if (distance >= best_distance || distance * 2 >= candidate.size()) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string suggestion(std::string_view kind, std::string_view word, std::span<const std::string_view> candidates) {
  std::string known = "known " + std::string(kind) + ": " + listed(candidates);
  std::string_view meant = closest(word, candidates);
  return meant.empty() ? known : "did you mean " + in_quotes(meant) + "? " + known;
}

}  // namespace bpfgate::manifest
