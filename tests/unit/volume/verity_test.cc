// SPDX-License-Identifier: MIT
// Trees against those that `veritysetup format` makes of the same content: root hash, and every byte.
#include "volume/verity.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <catch2/generators/catch_generators_range.hpp>

#include "base/io.h"
#include "crypto/crypto.h"
#include "temporary_directory.h"
#include "volume/cryptsetup.h"

using namespace bpfgate;
using fsverity::Algorithm;
using test::TemporaryDirectory;

namespace {

const std::string uuid = "11111111-2222-3333-4444-555555555555";

// Not those of any block alike, and the same in each run.
std::string pattern(size_t size) {
  std::string content(size, '\0');
  for (size_t i = 0; i < size; ++i) content[i] = static_cast<char>(i * 31 + i / 251);
  return content;
}

struct Golden {
  size_t size;
  Algorithm algorithm;
  uint32_t data_block_size;
  uint32_t hash_block_size;
  Bytes salt;
  std::string root_hash;
  std::string tree;  // SHA-256 of the file
};

// Trees of no level, of one that is full, and of two; another algorithm, and small blocks.
const std::vector<Golden> all = {
    {4096,
     Algorithm::Sha256,
     4096,
     4096,
     {0, 0xff},
     "de958a18127e27220dc5dc3ef9c9434f78969cdbe7341d169f7c4af74831fee3",
     "c42f51ad59d061218f7617caf92aba540cf0c69833b638f2ad079a41e63b75ec"},
    {524288,
     Algorithm::Sha256,
     4096,
     4096,
     {},
     "fb6e17a9fc946437ffc88edca9430e61e750abdc1fdec687136c9e7e1493c32d",
     "9a32290d1b0271d1ca213279c0de09e1bf1449da8ce71348bc2ce11711f4f410"},
    {528384, Algorithm::Sha256, 4096, 4096, Bytes(32, 0x11),
     "7ed388ba9cc951dd3261c7f439dd4f86a4757698e53c4e66a368c45d140deb6c",
     "d4f99a41b30fb524b46f7d5a5ddcf2e0badf697d98ec8a4f8a32af61377410e5"},
    {266240, Algorithm::Sha512, 4096, 4096, Bytes(256, 0xaa),
     "5210d9ff8e122b5c849bfe508dc5ad4aad9e63854d8f691fcc6b49cabe4cb058136601239d776411bc765267216cc39d8b20b23d35e7191f2"
     "31e8928d4fc667a",
     "506530dd1946f3596c34c2c44cad2f2ee13a4cda5ce4a388fb443bde9018b179"},
    {16384,
     Algorithm::Sha256,
     1024,
     512,
     {1},
     "910fc02a00231b02b9833f1a7fd36efe2a21e6dd754cd56461cfd99d6747defd",
     "44f55f7656738b3e8f1e7f7af4a19e2d7164e54e1ad8c3bfa7a9fa43bfd225bf"},
};

// An image with its tree.
struct Volume {
  TemporaryDirectory directory;
  std::filesystem::path image = directory.file("image", pattern(8192));
  std::filesystem::path tree = directory.path() / "tree";
  std::filesystem::path root_hash = directory.path() / "roothash";
  volume::Tree made;

  Volume() { made = volume::format(image, tree, root_hash, {.salt = Bytes{1}, .uuid = uuid}).value(); }
};

Result<volume::Tree> check(const std::filesystem::path& image, const std::filesystem::path& tree,
                           const Bytes& root_hash) {
  TRY_ASSIGN(const HeldFile held_image, HeldFile::open(image));
  TRY_ASSIGN(const HeldFile held_tree, HeldFile::open(tree));
  return volume::check(held_image, held_tree, {root_hash});
}

void flip(const std::filesystem::path& file, std::streamoff position) {
  std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
  stream.seekg(position);
  const int byte = stream.get();
  stream.seekp(position);
  stream.put(static_cast<char>(byte ^ 1));
}

}  // namespace

TEST_CASE("trees are byte for byte those of veritysetup") {
  const Golden& golden = all[GENERATE(range(size_t{0}, size_t{5}))];
  TemporaryDirectory directory;
  const auto image = directory.file("image", pattern(golden.size));
  const auto tree = directory.path() / "tree";
  const auto root_hash = directory.path() / "roothash";
  auto made = volume::format(image, tree, root_hash,
                             {golden.algorithm, golden.data_block_size, golden.hash_block_size, golden.salt, uuid});
  REQUIRE(made);
  CHECK(to_hex(made->root_hash) == golden.root_hash);
  CHECK(to_hex(crypto::sha256(read_file(tree, 1 << 20).value())) == golden.tree);
  CHECK(read_text_file(root_hash, 200).value() == golden.root_hash);
  CHECK(made->salt == golden.salt);
  CHECK(made->uuid == uuid);
  CHECK(made->data_blocks == golden.size / golden.data_block_size);
  CHECK(read_text_file(image, 1 << 20).value() == pattern(golden.size));
  auto checked = check(image, tree, from_hex(golden.root_hash).value());
  REQUIRE(checked);
  CHECK(volume::root_hash_text(*checked) == std::string(fsverity::name_of(golden.algorithm)) + ":" + golden.root_hash);
}

TEST_CASE("without a salt or UUID given they differ each time") {
  Volume volume;
  auto one = volume::format(volume.image, volume.tree, volume.root_hash, {});
  auto other = volume::format(volume.image, volume.tree, volume.root_hash, {});
  REQUIRE(one);
  REQUIRE(other);
  CHECK(one->salt.size() == 32);
  CHECK(one->salt != other->salt);
  CHECK(one->uuid != other->uuid);
  CHECK(one->root_hash != other->root_hash);
}

TEST_CASE("whatever is changed, it is no longer the volume of its root hash") {
  Volume volume;
  REQUIRE(check(volume.image, volume.tree, volume.made.root_hash));
  SECTION("the first byte") { flip(volume.image, 0); }
  SECTION("the last byte") { flip(volume.image, 8191); }
  SECTION("the tree") { flip(volume.tree, 4096); }
  SECTION("the salt, in the superblock") { flip(volume.tree, 88); }
  SECTION("the root hash") { volume.made.root_hash[31] ^= 1; }
  SECTION("bytes behind the last block") { std::filesystem::resize_file(volume.image, 8193); }
  SECTION("a block behind the last") { std::filesystem::resize_file(volume.image, 12288); }
  SECTION("the image ends early") { std::filesystem::resize_file(volume.image, 4096); }
  SECTION("the tree ends early") { std::filesystem::resize_file(volume.tree, 4096); }
  auto checked = check(volume.image, volume.tree, volume.made.root_hash);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().kind == ErrorKind::Failed);
  CHECK_FALSE(checked.error().remedy.empty());
}

// The superblock is under no root hash, and the hash of a volume of one block is that of the block: so the top of a
// tree is what its root hash is of, too. No content of one's own fits behind it.
TEST_CASE("a superblock that counts one block frees none of the others") {
  Volume volume;
  const std::string tree = read_text_file(volume.tree, 1 << 20).value();
  std::string forged = tree;
  forged[72] = 1;
  const auto forged_tree = volume.directory.file("forged.tree", forged);
  const auto image = volume.directory.file("forged", tree.substr(4096, 4096) + pattern(4096));
  auto checked = check(image, forged_tree, volume.made.root_hash);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().kind == ErrorKind::Failed);
  CHECK(checked.error().message.find("has 8192 bytes, and " + forged_tree.string() + " is of 4096") !=
        std::string::npos);
  std::filesystem::resize_file(image, 4096);
  CHECK(check(image, forged_tree, volume.made.root_hash)->data_blocks == 1);
}

TEST_CASE("a superblock that counts more blocks than there can be, or none, is refused") {
  Volume volume;
  std::string forged = read_text_file(volume.tree, 1 << 20).value();
  SECTION("their size is the image's again, modulo 2^64") { forged[72 + 6] = 0x10; }
  SECTION("none") { forged[72] = 0; }
  auto checked = check(volume.image, volume.directory.file("forged", forged), volume.made.root_hash);
  REQUIRE_FALSE(checked);
}

TEST_CASE("a part of the root hash is no root hash") {
  Volume volume;
  for (size_t size : {0, 1, 16, 31, 33, 64}) {
    Bytes root_hash = volume.made.root_hash;
    root_hash.resize(size);
    auto checked = check(volume.image, volume.tree, root_hash);
    REQUIRE_FALSE(checked);
    CHECK(checked.error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("what is no tree is said to be none, and what is missing is named") {
  Volume volume;
  auto no_tree = check(volume.image, volume.image, volume.made.root_hash);
  REQUIRE_FALSE(no_tree);
  CHECK(no_tree.error().message.find("image is no hash tree of dm-verity") != std::string::npos);
  for (const auto& [image, tree] : {std::pair(volume.directory.path() / "none", volume.tree),
                                    std::pair(volume.image, volume.directory.path() / "none")}) {
    auto missing = check(image, tree, volume.made.root_hash);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == ENOENT);
    CHECK(missing.error().message.find("none: ") != std::string::npos);
  }
}

TEST_CASE("what libcryptsetup says is kept, until somebody asks") {
  Volume volume;
  auto context = volume::Context::open(volume.tree, volume.image);
  REQUIRE(context);
  const auto activate = [&](const Bytes& root_hash) {
    return context->library().crypt_activate_by_volume_key(context->get(), nullptr,
                                                           reinterpret_cast<const char*>(root_hash.data()),
                                                           root_hash.size(), CRYPT_ACTIVATE_READONLY);
  };
  crypt_params_verity params = {};
  params.flags = CRYPT_VERITY_CHECK_HASH;
  REQUIRE(context->library().crypt_load(context->get(), CRYPT_VERITY, &params) == 0);
  CHECK(activate(volume.made.root_hash) >= 0);
  CHECK(context->complaint().empty());
  CHECK(activate(Bytes(32)) < 0);
  CHECK(context->complaint() == "Verification of root hash failed");
  CHECK(context->complaint().empty());
}

TEST_CASE("an image that is none leaves the files of an older one alone") {
  Volume volume;
  const std::string before = read_text_file(volume.tree, 1 << 20).value();
  const auto directory = volume.directory.path();
  for (const auto& image : {volume.directory.file("odd", pattern(5000)), volume.directory.file("empty", ""), directory,
                            directory / "none", std::filesystem::path("/dev/null")}) {
    INFO(image);
    CHECK_FALSE(volume::format(image, volume.tree, volume.root_hash, {}));
  }
  CHECK_FALSE(volume::format(volume.image, directory / "none/tree", volume.root_hash, {}));
  CHECK_FALSE(volume::format(volume.image, "/dev/null", volume.root_hash, {}));
  CHECK_FALSE(volume::format(volume.image, volume.tree, directory / "none/roothash", {}));
  CHECK_FALSE(volume::format(volume.image, volume.tree, "/dev/null", {}));
  CHECK(read_text_file(volume.tree, 1 << 20).value() == before);
  CHECK(read_text_file(volume.root_hash, 200).value() == to_hex(volume.made.root_hash));
  // Nor is anything left beside them.
  const std::filesystem::directory_iterator files(directory);
  CHECK(std::distance(begin(files), end(files)) == 5);
}
