// SPDX-License-Identifier: MIT
// What commands print on stdout: for people by printf, for programs as one versioned JSON object.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "base/result.h"

namespace bpfgate::cli {

// Keeps the order in which keys are added, so that output is stable and readable.
using Json = nlohmann::ordered_json;

// {"bpfgate": 1, "command": COMMAND}: the start of every --json output. The number changes when a key changes meaning
// or goes away; new keys may come at any time.
Json json_output(std::string_view command);

// {"message": ..., "remedy": ...}
Json json_of(const Error& error);

// Indented, with a newline. Bytes that are not UTF-8 (file names can have any) become U+FFFD.
void print_json(const Json& value);

// json_output(command) with `list` under `key`, printed.
void print_json_list(std::string_view command, const char* key, Json list);

// Whether all of stdout reached its destination: a full disk or a closed pipe must not look like success.
Result<> flush_output();

}  // namespace bpfgate::cli
