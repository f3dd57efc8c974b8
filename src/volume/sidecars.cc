// SPDX-License-Identifier: MIT
#include "volume/sidecars.h"

#include "base/io.h"

namespace bpfgate::volume {

Sidecars sidecars_of(const std::filesystem::path& image) {
  std::string name = image.string();
  if (image.extension() == ".raw") name.resize(name.size() - 4);
  return {name + ".verity", name + ".roothash", name + ".roothash.p7s"};
}

Result<Bytes> read_root_hash(const std::filesystem::path& path) {
  TRY_ASSIGN(std::string text, read_text_file(path, 4096));
  if (text.ends_with('\n')) text.pop_back();
  Result<Bytes> root_hash = from_hex(text);
  if (root_hash && !root_hash->empty()) return root_hash;
  return fail(ErrorKind::Invalid, path.string() + " is no root hash in hexadecimal digits",
              "it has what bpfgate volume format, or veritysetup format, prints");
}

}  // namespace bpfgate::volume
