// SPDX-License-Identifier: MIT
// Wording of messages: quoting what the manifest says, and finding what its author may have meant.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bpfgate::manifest {

// In double quotes, escaped as in JSON and cut to a readable length. Manifest text reaches terminals only through this:
// a key could otherwise carry an escape sequence.
std::string in_quotes(std::string_view text);
std::string escaped(std::string_view text);  // the same without the quotes

// "a, b and c"; "none" when empty.
std::string listed(std::span<const std::string_view> words);
std::string listed(const std::vector<std::string>& words);

// The candidate that is probably meant, or empty. Forgives two typing errors, case, underscores and the prefix "BPF_"
// (so that systemd's BPFMapCreate finds map_create).
std::string_view closest(std::string_view word, std::span<const std::string_view> candidates);

// "did you mean "b"? known KIND: a, b and c"
std::string suggestion(std::string_view kind, std::string_view word, std::span<const std::string_view> candidates);

}  // namespace bpfgate::manifest
