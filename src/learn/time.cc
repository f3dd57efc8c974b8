// SPDX-License-Identifier: MIT
#include "learn/time.h"

#include <time.h>

#include <charconv>
#include <optional>
#include <string_view>

namespace bpfgate::learn {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;

struct Unit {
  std::string_view name;
  int64_t seconds;
};
constexpr Unit units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}, {"w", 604800}};

// More is no time ago that anybody means, and would not fit.
constexpr int64_t max_seconds = int64_t{100} * 366 * 86400;

std::optional<int64_t> take_number(std::string_view& text) {
  int64_t number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data() || text[0] == '-') return std::nullopt;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return number;
}

std::optional<seconds> duration_from(std::string_view text) {
  auto number = take_number(text);
  for (const Unit& unit : units)
    if (number && text == unit.name && *number <= max_seconds / unit.seconds) return seconds(*number * unit.seconds);
  return std::nullopt;
}

// ".5" as half a second; takes nothing where there is no point.
std::optional<microseconds> take_fraction(std::string_view& text) {
  if (!text.starts_with('.')) return microseconds(0);
  text.remove_prefix(1);
  int64_t value = 0;
  size_t digits = 0;
  for (; digits < text.size() && text[digits] >= '0' && text[digits] <= '9'; ++digits)
    if (digits < 6) value = value * 10 + (text[digits] - '0');
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  for (; digits < 6; ++digits) value *= 10;
  return microseconds(value);
}

bool is_digits(std::string_view text) { return text.find_first_not_of("0123456789") == std::string_view::npos; }

// "Z", "+02:00".
std::optional<seconds> offset_from(std::string_view text) {
  if (text == "Z" || text == "z") return seconds(0);
  bool is_offset = text.size() == 6 && (text[0] == '+' || text[0] == '-') && text[3] == ':' &&
                   is_digits(text.substr(1, 2)) && is_digits(text.substr(4, 2));
  if (!is_offset) return std::nullopt;
  int hours = (text[1] - '0') * 10 + (text[2] - '0');
  int minutes = (text[4] - '0') * 10 + (text[5] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  int total = hours * 3600 + minutes * 60;
  return seconds(text[0] == '-' ? -total : total);
}

// As many digits as RFC 3339 asks for: strptime() would do with fewer.
bool has_form_of_date(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd?dd:dd:dd";
  if (text.size() < form.size()) return false;
  for (size_t i = 0; i < form.size(); ++i) {
    bool is_digit = text[i] >= '0' && text[i] <= '9';
    if (form[i] == 'd' ? !is_digit : form[i] != '?' && form[i] != text[i]) return false;
  }
  return text[10] == 'T' || text[10] == 't' || text[10] == ' ';
}

std::optional<Time> moment_from(const std::string& text) {
  if (!has_form_of_date(text)) return std::nullopt;
  std::tm parts = {};
  std::string date = text.substr(0, 10) + "T" + text.substr(11, 8);
  const char* end = ::strptime(date.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  // Later years do not fit in the clock's nanoseconds.
  if (end == nullptr || *end != '\0' || parts.tm_year < 70 || parts.tm_year > 300) return std::nullopt;
  std::string_view rest = std::string_view(text).substr(19);
  auto fraction = take_fraction(rest);
  auto offset = offset_from(rest);
  if (!fraction || !offset) return std::nullopt;
  Time moment = std::chrono::system_clock::from_time_t(::timegm(&parts)) - *offset + *fraction;
  if (moment < Time{}) return std::nullopt;  // 1970, but east of Greenwich
  return moment;
}

}  // namespace

Result<Time> time_from(const std::string& text, Time now) {
  if (text.starts_with('-')) {
    if (auto duration = duration_from(std::string_view(text).substr(1))) return now - *duration;
  } else if (auto moment = moment_from(text)) {
    return *moment;
  }
  return fail(ErrorKind::Usage, "\"" + text + "\" is no time",
              "write 2026-03-01T12:00:00Z, or how long ago: -90s, -15min, -1h, -2d, -1w");
}

}  // namespace bpfgate::learn
