// SPDX-License-Identifier: MIT
// JSON text to a tree, with the two things a plain JSON parser lets pass: a key given twice, and bottomless nesting.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/result.h"

namespace bpfgate::manifest {

// `file` is the name for messages. Syntax errors are "FILE:LINE:COLUMN: ...", duplicate keys "FILE: /POINTER: ...".
Result<nlohmann::json> parse_document(std::string_view text, const std::string& file);

// One step of a JSON pointer (RFC 6901), fit for a terminal: "/" + key with ~ and / escaped.
std::string pointer_step(std::string_view key);

}  // namespace bpfgate::manifest
