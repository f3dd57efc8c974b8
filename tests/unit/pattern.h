// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

namespace bpfgate::test {

// Content of which no two blocks are alike before a mebibyte, the same in each run.
inline std::string pattern(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 + i / 251);
  return content;
}

}  // namespace bpfgate::test
