// SPDX-License-Identifier: MIT
// Names and notes for what is in a draft.
#pragma once

#include <set>
#include <string>

namespace bpfgate::learn {

// A name for the grant of a file: its base name, made a name and different from all that are taken. Takes it.
std::string grant_name(const std::string& path, std::set<std::string>& taken);

// A path as a note: the end of it if it is long, and ? for what a note may not have. Other scripts than Latin suffer,
// which is better than a terminal that obeys a file's name.
std::string note_of(const std::string& path);

}  // namespace bpfgate::learn
