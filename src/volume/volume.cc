// SPDX-License-Identifier: MIT
#include "volume/volume.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <sstream>

#include "base/io.h"
#include "fsverity/fsverity.h"
#include "volume/device_mapper.h"

namespace bpfgate::volume {
namespace {

constexpr size_t algorithm_word = 7;
constexpr size_t root_hash_word = 8;
constexpr size_t first_option_word = 11;  // after the salt and the number of options

#ifndef EROFS_SUPER_MAGIC_V1
#define EROFS_SUPER_MAGIC_V1 0xE0F5E1E2
#endif

Result<bool> has_one_device(int fd) {
  struct statfs file_system = {};
  if (::fstatfs(fd, &file_system) != 0) return fail_errno("statfs");
  constexpr unsigned known[] = {EXT4_SUPER_MAGIC, SQUASHFS_MAGIC, EROFS_SUPER_MAGIC_V1};
  return std::find(std::begin(known), std::end(known), static_cast<unsigned>(file_system.f_type)) != std::end(known);
}

// Anybody may look here; the device mapper itself answers root alone. Who is not root is told by the name that
// veritysetup gives, which root may choose otherwise: it decides no more than an answer in words.
bool is_mapped(Device device) {
  std::string directory = "/sys/dev/block/" + std::to_string(device.major) + ":" + std::to_string(device.minor) + "/dm";
  std::error_code error;
  if (::geteuid() == 0) return std::filesystem::exists(directory, error);
  auto uuid = read_text_file(directory + "/uuid", 4096);
  return uuid && uuid->starts_with("CRYPT-VERITY-");
}

}  // namespace

Result<Volume> parse_table(std::string_view parameters) {
  std::istringstream stream{std::string(parameters)};
  std::vector<std::string> words{std::istream_iterator<std::string>(stream), {}};
  if (words.size() <= root_hash_word)
    return fail(ErrorKind::Invalid, "\"" + std::string(parameters) + "\" is no table of dm-verity");
  Volume volume;
  volume.root_hash = words[algorithm_word] + ":" + words[root_hash_word];
  volume.is_known = fsverity::digest_from_string(volume.root_hash).has_value();
  words.erase(words.begin(), words.begin() + static_cast<ptrdiff_t>(std::min(words.size(), first_option_word)));
  auto has = [&words](const char* option) { return std::find(words.begin(), words.end(), option) != words.end(); };
  volume.is_signed = has("root_hash_sig_key_desc");
  volume.is_checked = !has("ignore_corruption") && !has("check_at_most_once");
  return volume;
}

Result<std::optional<Position>> find(int fd) {
  TRY_ASSIGN(bool is_known, has_one_device(fd));
  if (!is_known) return std::nullopt;
  struct stat file = {};
  if (::fstat(fd, &file) != 0) return fail_errno("stat");
  Device device{major(file.st_dev), minor(file.st_dev)};
  if (!is_mapped(device)) return std::nullopt;
  TRY_ASSIGN(std::optional<std::string> parameters, verity_parameters(device));
  if (!parameters) return std::nullopt;
  TRY_ASSIGN(Volume volume, parse_table(*parameters));
  return Position{std::move(volume), file.st_ino};
}

}  // namespace bpfgate::volume
