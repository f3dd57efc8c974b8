// SPDX-License-Identifier: MIT
#include "fsverity/metadata.h"

#include <libfsverity.h>
#include <linux/fsverity.h>

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "base/malloced.h"
#include "fsverity/library.h"

namespace bpfgate::fsverity {
namespace {

static_assert(sizeof(fsverity_descriptor) == descriptor_size);

// A file of 15 TiB has less, whatever its parameters; ext4 has none above 16, and more is in nobody's memory.
constexpr uint64_t max_tree_size = uint64_t{1} << 40;

// Between libfsverity's callbacks and ours. They are called from C, so nothing is thrown through them.
class Exchange {
 public:
  Exchange(const ContentReader& read, Metadata& metadata) : read_(read), metadata_(metadata) {}

  static int read(void* self, void* buffer, size_t count) {
    return static_cast<Exchange*>(self)->take({static_cast<uint8_t*>(buffer), count});
  }

  static int set_tree_size(void* self, uint64_t size) try {
    if (size > max_tree_size) return -EFBIG;
    static_cast<Exchange*>(self)->metadata_.tree.resize(size);
    return 0;
  } catch (const std::exception&) {
    return -ENOMEM;
  }

  static int set_tree_block(void* self, const void* block, size_t size, uint64_t offset) {
    Bytes& tree = static_cast<Exchange*>(self)->metadata_.tree;
    if (offset > tree.size() || size > tree.size() - offset) return -ERANGE;
    std::memcpy(tree.data() + offset, block, size);
    return 0;
  }

  static int set_descriptor(void* self, const void* descriptor, size_t size) try {
    const auto* bytes = static_cast<const uint8_t*>(descriptor);
    static_cast<Exchange*>(self)->metadata_.descriptor.assign(bytes, bytes + size);
    return 0;
  } catch (const std::exception&) {
    return -ENOMEM;
  }

  std::optional<Error> error;  // the reader's

 private:
  int take(std::span<uint8_t> buffer) try {
    Result<> done = read_(buffer);
    if (done) return 0;
    error = std::move(done).error();
    return -EIO;
  } catch (const std::exception&) {
    return -ENOMEM;
  }

  const ContentReader& read_;
  Metadata& metadata_;
};

bool is_zero(std::span<const uint8_t> bytes) {
  return std::ranges::all_of(bytes, [](uint8_t byte) { return byte == 0; });
}

Failure malformed(const std::string& why) { return fail(ErrorKind::Failed, "its fs-verity descriptor " + why); }

Result<> check_form(const fsverity_descriptor& descriptor) {
  if (descriptor.version != 1) return malformed("has version " + std::to_string(descriptor.version) + ", not 1");
  if (descriptor.log_blocksize < 10 || descriptor.log_blocksize > 16)
    return malformed("has blocks of 2^" + std::to_string(descriptor.log_blocksize) + " bytes");
  if (descriptor.salt_size > sizeof(descriptor.salt)) return malformed("has a salt that is too long");
  if (!is_zero(descriptor.__reserved)) return malformed("has something where nothing may be");
  return {};
}

}  // namespace

Result<Metadata> compute_metadata(uint64_t size, const Parameters& parameters, const ContentReader& read) {
  TRY(check(parameters));
  Metadata metadata;
  Exchange exchange(read, metadata);
  libfsverity_metadata_callbacks callbacks = {&exchange, Exchange::set_tree_size, Exchange::set_tree_block,
                                              Exchange::set_descriptor};
  libfsverity_merkle_tree_params library = library_parameters(parameters, size);
  library.metadata_callbacks = &callbacks;
  libfsverity_digest* computed = nullptr;
  int status = libfsverity_compute_digest(&exchange, Exchange::read, &library, &computed);
  Malloced<libfsverity_digest> owned(computed);
  if (exchange.error) return Failure(std::move(*exchange.error));
  if (status != 0) return fail_errno("compute the fs-verity digest", -status);
  metadata.digest = {parameters.algorithm, Bytes(owned->digest, owned->digest + owned->digest_size)};
  return metadata;
}

Result<Descriptor> parse_descriptor(ByteView bytes) {
  fsverity_descriptor raw = {};
  if (bytes.size() != sizeof(raw)) return malformed("has " + std::to_string(bytes.size()) + " bytes");
  std::memcpy(&raw, bytes.data(), sizeof(raw));
  TRY(check_form(raw));
  Descriptor descriptor;
  descriptor.parameters.algorithm = static_cast<Algorithm>(raw.hash_algorithm);
  if (digest_size_of(descriptor.parameters.algorithm) == 0)
    return fail(ErrorKind::Unsupported,
                "sealed with hash algorithm " + std::to_string(raw.hash_algorithm) + ", which bpfgate does not know");
  descriptor.parameters.block_size = uint32_t{1} << raw.log_blocksize;
  descriptor.parameters.salt.assign(raw.salt, raw.salt + raw.salt_size);
  descriptor.file_size = le64toh(raw.data_size);
  return descriptor;
}

}  // namespace bpfgate::fsverity
