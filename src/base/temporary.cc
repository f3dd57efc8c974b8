// SPDX-License-Identifier: MIT
#include "base/temporary.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace bpfgate {

// Not all file systems have files that never had a name.
Result<UniqueFd> make_nameless_file() {
  UniqueFd fd(::open(temporary_directory, O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600));
  if (fd) return fd;
  std::string name = std::string(temporary_directory) + "/bpfgate.XXXXXX";
  fd.reset(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd) return fail_errno(std::string("create a file in ") + temporary_directory);
  if (::unlink(name.c_str()) != 0) return fail_errno("unlink " + name);
  return fd;
}

}  // namespace bpfgate
