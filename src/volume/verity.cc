// SPDX-License-Identifier: MIT
#include "volume/verity.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/io.h"
#include "volume/cryptsetup.h"

namespace bpfgate::volume {
namespace {

constexpr const char* no_salt = "";  // where a null pointer would mean a random one

Result<> check_image(const std::filesystem::path& image, uint32_t block_size) {
  struct stat status = {};
  if (::stat(image.c_str(), &status) != 0) return fail_errno(image.string());
  if (!S_ISREG(status.st_mode))
    return fail(ErrorKind::Invalid, image.string() + " is no regular file", "give the image of a file system");
  const auto size = static_cast<uint64_t>(status.st_size);
  if (size > 0 && size % block_size == 0) return {};
  return fail(ErrorKind::Invalid,
              image.string() + " has " + std::to_string(size) + " bytes, which are no whole blocks of " +
                  std::to_string(block_size),
              "fill up the last one, which would not be covered: truncate -s %" + std::to_string(block_size) +
                  " IMAGE; the file system does not mind");
}

Result<Tree> tree_of(const Context& context, Bytes root_hash) {
  crypt_params_verity info = {};
  if (int code = context.library().crypt_get_verity_info(context.get(), &info); code < 0)
    return context.failure("read the superblock", code);
  const auto* salt = reinterpret_cast<const uint8_t*>(info.salt);
  const char* uuid = context.library().crypt_get_uuid(context.get());
  return Tree{info.hash_name,
              info.data_block_size,
              info.hash_block_size,
              info.data_size,
              Bytes(salt, salt + info.salt_size),
              uuid != nullptr ? uuid : "",
              std::move(root_hash)};
}

Result<Bytes> root_hash_of(const Context& context) {
  Bytes root_hash(64);
  size_t size = root_hash.size();
  const int code = context.library().crypt_volume_key_get(context.get(), CRYPT_ANY_SLOT,
                                                          reinterpret_cast<char*>(root_hash.data()), &size, nullptr, 0);
  if (code < 0) return context.failure("get the root hash", code);
  root_hash.resize(size);
  return root_hash;
}

// `tree` is empty, or is overwritten.
Result<Tree> write_tree(const std::filesystem::path& image, const std::filesystem::path& tree,
                        const TreeParameters& parameters) {
  TRY_ASSIGN(const Context context, Context::open(tree, image));
  const std::string algorithm(fsverity::name_of(parameters.algorithm));
  crypt_params_verity params = {};
  params.hash_name = algorithm.c_str();
  params.data_device = image.c_str();
  params.hash_type = 1;  // what all but the first versions of Chrome OS have
  params.data_block_size = parameters.data_block_size;
  params.hash_block_size = parameters.hash_block_size;
  params.flags = CRYPT_VERITY_CREATE_HASH;
  params.salt_size = 32;
  if (parameters.salt) {
    params.salt = parameters.salt->empty() ? no_salt : reinterpret_cast<const char*>(parameters.salt->data());
    params.salt_size = static_cast<uint32_t>(parameters.salt->size());
  }
  const char* uuid = parameters.uuid.empty() ? nullptr : parameters.uuid.c_str();
  const int code =
      context.library().crypt_format(context.get(), CRYPT_VERITY, nullptr, nullptr, uuid, nullptr, 0, &params);
  if (code < 0) return context.failure(image.string() + ": its hash tree cannot be made", code);
  TRY_ASSIGN(Bytes root_hash, root_hash_of(context));
  return tree_of(context, std::move(root_hash));
}

// `name` is what errors call the tree.
Result<Context> load(const std::filesystem::path& image, const std::filesystem::path& tree, const std::string& name,
                     uint32_t flags) {
  TRY_ASSIGN(Context context, Context::open(tree, image));
  crypt_params_verity params = {};
  params.flags = flags;
  if (int code = context.library().crypt_load(context.get(), CRYPT_VERITY, &params); code < 0)
    return context.failure(name + " is no hash tree of dm-verity", code,
                           "make one: bpfgate volume format, or veritysetup format");
  return context;
}

// libcryptsetup would compare as many bytes as it is given.
Result<> check_size(const Context& context, ByteView root_hash, const std::string& tree) {
  const int wanted = context.library().crypt_get_volume_key_size(context.get());
  if (wanted > 0 && root_hash.size() == static_cast<size_t>(wanted)) return {};
  return fail(ErrorKind::Invalid,
              "the root hash has " + std::to_string(root_hash.size()) + " bytes, and that of " + tree + " has " +
                  std::to_string(wanted),
              "give it as bpfgate volume format prints it");
}

// Of another algorithm it is another hash, though it be as long.
Result<> check_algorithm(const Tree& tree, const RootHash& root_hash, const std::string& tree_name) {
  if (root_hash.algorithm.empty() || root_hash.algorithm == tree.algorithm) return {};
  return fail(ErrorKind::Failed, tree_name + " is of " + tree.algorithm + ", not " + root_hash.algorithm,
              "give the tree that this is the root hash of");
}

// The superblock can say anything; what it does not count, the root hash does not cover.
Result<> check_covered(const HeldFile& image, const std::string& tree_name, const Tree& tree) {
  TRY_ASSIGN(const uint64_t covered, covered_size(tree));
  const std::optional<uint64_t> size = image.size();
  if (!size || *size == covered) return {};
  return fail(
      ErrorKind::Failed,
      image.name() + " has " + std::to_string(*size) + " bytes, and " + tree_name + " is of " + std::to_string(covered),
      "find out who changed which, or make the tree anew");
}

bool is_about_keys(int code) { return code == -ENOKEY || code == -EKEYREJECTED || code == -EBADMSG; }

Failure not_opened(const Context& context, const Opening& opening, int code) {
  const char* remedy = "";
  if (code == -EEXIST)
    remedy = "choose another name, or close that device: veritysetup close";
  else if (::geteuid() != 0)
    remedy = "run it as root";
  else if (opening.signature && is_about_keys(code))
    remedy =
        "the signer must be in a keyring that the kernel verifies root hashes with: see \"Volumes\" in "
        "docs/MANIFEST.md";
  else if (is_about_keys(code))
    remedy = "this kernel wants a signature (dm_verity.require_signatures): sign it";
  return context.failure(opening.name + " cannot be opened", code, remedy);
}

}  // namespace

std::string root_hash_text(const Tree& tree) { return tree.algorithm + ":" + to_hex(tree.root_hash); }

Result<uint64_t> covered_size(const Tree& tree) {
  uint64_t size = 0;
  if (!__builtin_mul_overflow(tree.data_blocks, uint64_t{tree.data_block_size}, &size)) return size;
  return fail(ErrorKind::Invalid, "the superblock says there are " + std::to_string(tree.data_blocks) + " blocks",
              "make the tree anew: bpfgate volume format");
}

// Two files cannot be renamed at once: what could go wrong is behind both when the first is, the tree.
Result<Tree> format(const std::filesystem::path& image, const std::filesystem::path& tree,
                    const std::filesystem::path& root_hash, const TreeParameters& parameters) {
  TRY(check_image(image, parameters.data_block_size));
  Tree made;
  TRY(replace_file_atomically(
      root_hash,
      [&](int root_hash_fd) -> Result<> {
        TRY(replace_file_atomically(
            tree,
            [&](int fd) -> Result<> {
              // libcryptsetup wants a name, and this is one that nobody else can put another file behind.
              TRY_ASSIGN(made, write_tree(image, "/proc/self/fd/" + std::to_string(fd), parameters));
              TRY(write_all(root_hash_fd, as_bytes(to_hex(made.root_hash)), root_hash.string()));
              if (::fsync(root_hash_fd) != 0) return fail_errno("fsync " + root_hash.string());
              return {};
            },
            0644));
        return {};
      },
      0644));
  return made;
}

Result<Tree> check(const HeldFile& image, const HeldFile& tree, const RootHash& root_hash) {
  TRY_ASSIGN(const Context context, load(image.path(), tree.path(), tree.name(), CRYPT_VERITY_CHECK_HASH));
  TRY(check_size(context, root_hash.value, tree.name()));
  TRY_ASSIGN(Tree checked, tree_of(context, root_hash.value));
  TRY(check_algorithm(checked, root_hash, tree.name()));
  TRY(check_covered(image, tree.name(), checked));
  // Without a name nothing is activated, and the flag has it all read.
  const int code = context.library().crypt_activate_by_volume_key(context.get(), nullptr,
                                                                  reinterpret_cast<const char*>(root_hash.value.data()),
                                                                  root_hash.value.size(), CRYPT_ACTIVATE_READONLY);
  if (code < 0)
    return context.failure(image.name() + " and " + tree.name() + " are not what the root hash is of", code,
                           "find out who changed which, or make the tree anew");
  for (const HeldFile* file : {&image, &tree}) TRY(file->check_unchanged());
  return checked;
}

Result<Opened> open(const Opening& opening) {
  // libcryptsetup does not say which of the two it could not open, and waits for a FIFO.
  for (const std::filesystem::path& path : {opening.image, opening.tree}) TRY(HeldFile::open(path));
  TRY_ASSIGN(const Context context, load(opening.image, opening.tree, opening.tree.string(), 0));
  TRY(check_size(context, opening.root_hash.value, opening.tree.string()));
  TRY_ASSIGN(Tree tree, tree_of(context, opening.root_hash.value));
  TRY(check_algorithm(tree, opening.root_hash, opening.tree.string()));
  const auto* root_hash = reinterpret_cast<const char*>(opening.root_hash.value.data());
  const size_t size = opening.root_hash.value.size();
  const Cryptsetup& library = context.library();
  const int code = opening.signature
                       ? library.crypt_activate_by_signed_key(context.get(), opening.name.c_str(), root_hash, size,
                                                              reinterpret_cast<const char*>(opening.signature->data()),
                                                              opening.signature->size(), CRYPT_ACTIVATE_READONLY)
                       : library.crypt_activate_by_volume_key(context.get(), opening.name.c_str(), root_hash, size,
                                                              CRYPT_ACTIVATE_READONLY);
  if (code < 0) return not_opened(context, opening, code);
  return Opened{std::move(tree), context.complaint()};
}

}  // namespace bpfgate::volume
