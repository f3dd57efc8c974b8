// SPDX-License-Identifier: MIT
#include "base/directory.h"

#include <dirent.h>

#include <algorithm>
#include <memory>
#include <string_view>

namespace bpfgate {
namespace {

struct CloseDirectory {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

}  // namespace

Result<std::vector<std::string>> names_in(UniqueFd directory, const std::string& name) {
  std::unique_ptr<DIR, CloseDirectory> stream(::fdopendir(directory.get()));
  if (!stream) return fail_errno(name);
  (void)directory.release();  // the stream's now
  std::vector<std::string> names;
  for (;;) {
    errno = 0;
    const dirent* found = ::readdir(stream.get());
    if (found == nullptr) break;
    const std::string_view entry = found->d_name;
    if (entry != "." && entry != "..") names.emplace_back(entry);
  }
  if (errno != 0) return fail_errno(name);
  std::ranges::sort(names);
  return names;
}

}  // namespace bpfgate
