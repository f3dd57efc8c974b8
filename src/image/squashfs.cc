// SPDX-License-Identifier: MIT
#include "image/squashfs.h"

#include <sqfs/compressor.h>
#include <sqfs/dir_reader.h>
#include <sqfs/error.h>
#include <sqfs/inode.h>
#include <sqfs/io.h>
#include <sqfs/super.h>

#include <memory>

#include "base/shared_library.h"

// Every function that is called, by its own name.
// clang-format off
#define BPFGATE_SQUASHFS_FUNCTIONS(X)                                                                           \
  X(sqfs_compressor_config_init) X(sqfs_compressor_create) X(sqfs_dir_reader_create)                            \
  X(sqfs_dir_reader_find_by_path) X(sqfs_free) X(sqfs_open_file) X(sqfs_super_read)
// clang-format on

namespace bpfgate::image {
namespace {

struct Squashfs {
  BPFGATE_SQUASHFS_FUNCTIONS(BPFGATE_DECLARE_FUNCTION)
};

Result<Squashfs> load() {
  TRY_ASSIGN(SharedLibrary shared,
             SharedLibrary::load("libsquashfs.so.1", "install it: Debian's package is libsquashfs1"));
  Squashfs library;
  BPFGATE_SQUASHFS_FUNCTIONS(BPFGATE_FIND_FUNCTION)
  return library;
}

Result<const Squashfs*> squashfs() {
  static const Result<Squashfs> loaded = load();
  if (!loaded) return Failure(loaded.error());
  return &*loaded;
}

// Each of its objects brings the function that ends it (sqfs_destroy()).
struct Destroyer {
  void operator()(void* object) const { sqfs_destroy(object); }
};
struct InodeDeleter {
  const Squashfs* library;
  void operator()(sqfs_inode_generic_t* inode) const { library->sqfs_free(inode); }
};
using InodeHandle = std::unique_ptr<sqfs_inode_generic_t, InodeDeleter>;

constexpr const char* make_anew = "make the image anew";

Failure failure(const std::string& what, int code) {
  switch (code) {
    case SQFS_ERROR_NO_ENTRY:
    case SQFS_ERROR_NOT_DIR:
      return fail(ErrorKind::Failed, "there is no such file in the image",
                  "paths begin at the root of the image, and no symbolic link may be on the way");
    case SQFS_ERROR_UNSUPPORTED:
      return fail(ErrorKind::Unsupported, what + ": this libsquashfs does not know its compression", "use a newer one");
    case SQFS_ERROR_ALLOC:
      return fail(ErrorKind::Failed, what + ": out of memory");
    case SQFS_ERROR_IO:
      return fail_errno(what);
    default:
      return fail(ErrorKind::Failed, what + ": it is damaged (libsquashfs says " + std::to_string(code) + ")",
                  make_anew);
  }
}

class Reader {
 public:
  static Result<Reader> open(const HeldFile& image) {
    TRY_ASSIGN(const Squashfs* library, squashfs());
    Reader reader(library);
    reader.file_.reset(library->sqfs_open_file(image.path().c_str(), SQFS_FILE_OPEN_READ_ONLY));
    if (!reader.file_) return fail_errno(image.name());
    if (int code = library->sqfs_super_read(reader.super_.get(), reader.file_.get()); code != 0)
      return failure("read the superblock", code);
    TRY(reader.start());
    return reader;
  }

  [[nodiscard]] Result<uint64_t> number_of(const std::string& path) const {
    // libsquashfs takes backslashes for slashes: the name would be another file's.
    if (path.find('\\') != std::string::npos)
      return fail(ErrorKind::Unsupported, "has a backslash in its name", "rename it, or use another file system");
    sqfs_inode_generic_t* raw = nullptr;
    const int code = library_->sqfs_dir_reader_find_by_path(directories_.get(), nullptr, path.c_str(), &raw);
    if (code != 0) return failure("find it", code);
    const InodeHandle inode(raw, InodeDeleter{library_});
    const uint16_t type = inode->base.type;
    if (type == SQFS_INODE_SLINK || type == SQFS_INODE_EXT_SLINK)
      return fail(ErrorKind::Failed, "is a symbolic link", "name the file that it points to, as a path in the image");
    if (type != SQFS_INODE_FILE && type != SQFS_INODE_EXT_FILE)
      return fail(ErrorKind::Failed, "is no regular file", "name the executable");
    return uint64_t{inode->base.inode_number};
  }

 private:
  explicit Reader(const Squashfs* library) : library_(library), super_(std::make_unique<sqfs_super_t>()) {}

  Result<> start() {
    sqfs_compressor_config_t config;
    library_->sqfs_compressor_config_init(&config, static_cast<SQFS_COMPRESSOR>(super_->compression_id),
                                          super_->block_size, SQFS_COMP_FLAG_UNCOMPRESS);
    sqfs_compressor_t* compressor = nullptr;
    if (int code = library_->sqfs_compressor_create(&config, &compressor); code != 0)
      return failure("read its directories", code);
    compressor_.reset(compressor);
    directories_.reset(library_->sqfs_dir_reader_create(super_.get(), compressor, file_.get(), 0));
    return directories_ ? Result<>() : failure("read its directories", SQFS_ERROR_ALLOC);
  }

  const Squashfs* library_;
  // In the order in which they need each other.
  std::unique_ptr<sqfs_super_t> super_;
  std::unique_ptr<sqfs_file_t, Destroyer> file_;
  std::unique_ptr<sqfs_compressor_t, Destroyer> compressor_;
  std::unique_ptr<sqfs_dir_reader_t, Destroyer> directories_;
};

}  // namespace

Result<std::vector<uint64_t>> squashfs_numbers(const HeldFile& image, std::span<const std::string> paths) {
  TRY_ASSIGN(const Reader reader, Reader::open(image));
  std::vector<uint64_t> numbers;
  for (const std::string& path : paths) {
    Result<uint64_t> number = reader.number_of(path);
    if (!number) return Failure(std::move(number).error().within(path));
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace bpfgate::image
