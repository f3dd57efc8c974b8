// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>

#include <map>
#include <set>
#include <utility>

#include "base/io.h"
#include "evidence/evidence.h"
#include "image/image.h"
#include "image/limits.h"
#include "image/metadata.h"

namespace bpfgate::image {
namespace {

Result<std::set<InodeNumber>> find_sealed(const FileSystem& file_system) {
  std::set<InodeNumber> sealed;
  TRY(file_system.for_each_inode([&](InodeNumber number, const ext2_inode& inode) -> Result<> {
    if (is_sealed(inode)) sealed.insert(number);
    return {};
  }));
  return sealed;
}

struct Entry {
  InodeNumber number = 0;
  std::string name;
};

struct Listing {
  std::vector<Entry> entries;
  bool is_out_of_memory = false;
};

// Called from C: throws nothing.
int list_entry(ext2_ino_t, int kind, ext2_dir_entry* entry, int, int, char*, void* data) {
  auto* listing = static_cast<Listing*>(data);
  if (kind != DIRENT_OTHER_FILE) return 0;
  try {
    listing->entries.push_back({entry->inode, std::string(entry->name, entry->name_len & 0xff)});
    return 0;
  } catch (const std::exception&) {
    listing->is_out_of_memory = true;
    return DIRENT_ABORT;
  }
}

// Gives the inodes that are looked for their names. Each directory is read once: in a damaged image one may contain
// itself.
class Names {
 public:
  Names(const FileSystem& file_system, const std::set<InodeNumber>& wanted)
      : file_system_(file_system), wanted_(wanted) {}

  Result<std::map<InodeNumber, std::string>> find() {
    std::vector<Entry> directories = {{EXT2_ROOT_INO, ""}};
    seen_.insert(EXT2_ROOT_INO);
    while (!wanted_.empty() && !directories.empty()) {
      const Entry directory = std::move(directories.back());
      directories.pop_back();
      TRY(read(directory, directories));
    }
    return std::move(found_);
  }

 private:
  Result<> read(const Entry& directory, std::vector<Entry>& directories) {
    const Library& library = file_system_.library();
    Listing listing;
    errcode_t code =
        library.ext2fs_dir_iterate2(file_system_.get(), directory.number, 0, nullptr, list_entry, &listing);
    if (code == 0 && listing.is_out_of_memory) code = ENOMEM;
    if (code != 0) return library.failure("read the directory " + printable(directory.name) + "/", code);
    for (const Entry& entry : listing.entries) {
      const std::string path = directory.name + "/" + entry.name;
      if (wanted_.contains(entry.number)) note(entry.number, path);
      Result<ext2_inode> inode = file_system_.inode(entry.number);
      if (inode && LINUX_S_ISDIR(inode->i_mode) && seen_.insert(entry.number).second)
        directories.push_back({entry.number, path});
    }
    return {};
  }

  void note(InodeNumber number, const std::string& path) {
    auto [name, is_new] = found_.try_emplace(number, path);
    if (!is_new && path < name->second) name->second = path;
  }

  const FileSystem& file_system_;
  const std::set<InodeNumber>& wanted_;
  std::set<InodeNumber> seen_;
  std::map<InodeNumber, std::string> found_;
};

Checked check_one(const FileSystem& file_system, const std::string& path, InodeNumber number) {
  Result<std::optional<Bytes>> signature = file_system.xattr(number, evidence::signature_xattr);
  if (!signature) return {path, std::unexpected(std::move(signature).error())};
  Result<Seal> seal = check_seal(file_system, number);
  if (!seal) return {path, std::unexpected(std::move(seal).error())};
  return {path, std::move(seal->digest), std::move(*signature)};
}

Result<InodeNumber> find_named(const FileSystem& file_system, const std::string& path) {
  TRY_ASSIGN(const InodeNumber number, file_system.find(path));
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(number));
  if (is_regular(inode) && !is_sealed(inode))
    return fail(ErrorKind::Failed, "is not sealed", "seal it: bpfgate image seal");
  TRY(check_file(file_system, inode));
  return number;
}

Checked check_one(const FileSystem& file_system, const std::string& path) {
  Result<InodeNumber> number = find_named(file_system, path);
  if (!number) return {path, std::unexpected(std::move(number).error())};
  return check_one(file_system, path, *number);
}

// libext2fs says less of what is not there, and waits for the other end of a FIFO. A device can be read like an image.
Result<> check_readable(const std::filesystem::path& image) {
  TRY_ASSIGN(const UniqueFd fd, open_file(image, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat status = {};
  if (::fstat(fd.get(), &status) != 0) return fail_errno("stat");
  if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) return {};
  return fail(ErrorKind::Invalid, "is no regular file", "give an image, or a device with a file system");
}

// In a damaged image two files may have one path.
Result<std::multimap<std::string, InodeNumber>> by_path(const FileSystem& file_system,
                                                        const std::set<InodeNumber>& sealed) {
  TRY_ASSIGN(auto names, Names(file_system, sealed).find());
  std::multimap<std::string, InodeNumber> paths;
  for (InodeNumber number : sealed) {
    auto name = names.find(number);
    paths.emplace(name != names.end() ? name->second : "<inode " + std::to_string(number) + ">", number);
  }
  return paths;
}

std::vector<Checked> check_each(const FileSystem& file_system, const std::vector<std::string>& paths) {
  std::vector<Checked> checked;
  checked.reserve(paths.size());
  for (const std::string& path : paths) checked.push_back(check_one(file_system, path));
  return checked;
}

Result<std::vector<Checked>> check_all(const FileSystem& file_system, const std::vector<std::string>& paths) {
  TRY_ASSIGN(const std::set<InodeNumber> sealed, find_sealed(file_system));
  if (!sealed.empty() && !file_system.has_verity())
    return fail(ErrorKind::Failed, "has sealed files, but not the feature verity: no kernel measures them",
                "switch it on with tune2fs -O verity");
  if (!paths.empty()) return check_each(file_system, paths);
  TRY_ASSIGN(const auto all, by_path(file_system, sealed));
  std::vector<Checked> checked;
  checked.reserve(all.size());
  for (const auto& [path, number] : all) checked.push_back(check_one(file_system, path, number));
  return checked;
}

}  // namespace

Result<std::vector<Checked>> check(const std::filesystem::path& image, const CheckRequest& request) {
  auto work = [&]() -> Result<std::vector<Checked>> {
    TRY(check_readable(image));
    TRY_ASSIGN(const FileSystem file_system, FileSystem::open(image, Access::Read, request.offset));
    return check_all(file_system, request.paths);
  };
  Result<std::vector<Checked>> checked = work();
  if (!checked) return within_image(std::move(checked).error(), image);
  return checked;
}

}  // namespace bpfgate::image
