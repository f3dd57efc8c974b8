// SPDX-License-Identifier: MIT
// /etc/ld.so.cache, where ldconfig(8) notes which file answers to a library's name.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"

namespace bpfgate::sign {

class LdCache {
 public:
  // The host's cache; empty where there is none.
  static LdCache of_host();
  // From the file's bytes. What is not a cache, or damaged, gives the entries that can be read.
  static LdCache parse(ByteView content);

  // Every file under that name, of any machine and any CPU level, in the cache's order.
  [[nodiscard]] std::vector<std::string> find(const std::string& name) const;

 private:
  std::unordered_map<std::string, std::vector<std::string>> paths_;
};

}  // namespace bpfgate::sign
