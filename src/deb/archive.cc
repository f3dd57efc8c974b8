// SPDX-License-Identifier: MIT
#include "deb/archive.h"

#include <sys/mman.h>

#include <map>
#include <memory>

#include "base/process.h"
#include "base/unique_fd.h"
#include "deb/libarchive.h"

namespace bpfgate::deb {
namespace {

// A tar archive that is read from its beginning to its end.
class Reader {
 public:
  static Result<Reader> open(int fd) {
    TRY_ASSIGN(const Libarchive* library, libarchive());
    Reader reader(library, {library->archive_read_new(), library->archive_read_free});
    if (!reader.handle_) return fail(ErrorKind::Failed, "no memory for libarchive");
    library->archive_read_support_format_tar(reader.get());
    if (library->archive_read_open_fd(reader.get(), fd, 65536) != ARCHIVE_OK) return reader.failure();
    return reader;
  }

  // Of the next file; null behind the last one. Valid until the next call.
  Result<struct archive_entry*> next() {
    struct archive_entry* entry = nullptr;
    int code = library_->archive_read_next_header(get(), &entry);
    if (code == ARCHIVE_EOF) return nullptr;
    if (code != ARCHIVE_OK) return failure();
    return entry;
  }

  Result<UniqueFd> content() {
    UniqueFd fd(::memfd_create("package-file", MFD_CLOEXEC));
    if (!fd) return fail_errno("memfd_create");
    if (library_->archive_read_data_into_fd(get(), fd.get()) != ARCHIVE_OK) return failure();
    return fd;
  }

  [[nodiscard]] const Libarchive& library() const { return *library_; }

 private:
  using Handle = std::unique_ptr<struct archive, int (*)(struct archive*)>;
  Reader(const Libarchive* library, Handle handle) : library_(library), handle_(std::move(handle)) {}
  [[nodiscard]] struct archive* get() const { return handle_.get(); }
  [[nodiscard]] Failure failure() const {
    const char* text = library_->archive_error_string(get());
    return fail(ErrorKind::Failed, text == nullptr ? "is no archive" : text);
  }

  const Libarchive* library_;
  Handle handle_;
};

// "./usr/sbin/x" is /usr/sbin/x.
std::string installed_path(const char* name) {
  std::string path = name == nullptr ? "" : name;
  if (path.starts_with('.')) path.erase(0, 1);
  return path.starts_with('/') ? path : "/" + path;
}

// One walk. What is wanted under a name that is a hard link to a file that was not, it leaves in `missed`.
class Walk {
 public:
  Walk(Reader& reader, const Visitor& visitor) : reader_(reader), visitor_(visitor) {}

  Result<> run() {
    for (;;) {
      TRY_ASSIGN(struct archive_entry * entry, reader_.next());
      if (entry == nullptr) return {};
      TRY(look_at(entry));
    }
  }

  std::map<std::string, std::string> missed;  // name, and the one it is a link to

 private:
  Result<> look_at(struct archive_entry* entry) {
    const Libarchive& library = reader_.library();
    std::string path = installed_path(library.archive_entry_pathname(entry));
    if (!visitor_.wants(path)) return {};
    if (const char* target = library.archive_entry_hardlink(entry); target != nullptr) {
      missed[path] = installed_path(target);
      return {};
    }
    if (library.archive_entry_filetype(entry) != AE_IFREG) return {};
    TRY_ASSIGN(UniqueFd fd, reader_.content());
    return visitor_.take(path, fd.get());
  }

  Reader& reader_;
  const Visitor& visitor_;
};

Result<std::map<std::string, std::string>> walk(const std::filesystem::path& package, const Visitor& visitor) {
  // By its absolute name, for no name of a file is an option then.
  TRY_ASSIGN(Process unpacker,
             Process::start({"dpkg-deb", "--fsys-tarfile", std::filesystem::absolute(package).string()}));
  TRY_ASSIGN(Reader reader, Reader::open(unpacker.output()));
  Walk files(reader, visitor);
  TRY(files.run());
  TRY_ASSIGN(int status, unpacker.wait());
  if (status != 0) return fail(ErrorKind::Failed, "dpkg-deb cannot read it");
  return files.missed;
}

Result<> visit_all(const std::filesystem::path& package, const Visitor& visitor) {
  TRY_ASSIGN(auto links, walk(package, visitor));
  if (links.empty()) return {};
  // Once more for their content, which is under the other name.
  std::multimap<std::string, std::string> names;
  for (const auto& [name, target] : links) names.emplace(target, name);
  Visitor again{[&](const std::string& path) { return names.contains(path); },
                [&](const std::string& path, int fd) -> Result<> {
                  for (auto [name, end] = names.equal_range(path); name != end; ++name)
                    TRY(visitor.take(name->second, fd));
                  return {};
                }};
  TRY(walk(package, again));
  return {};
}

}  // namespace

Result<> visit(const std::filesystem::path& archive, const Visitor& visitor) {
  Result<> done = visit_all(archive, visitor);
  if (!done) return Failure(std::move(done).error().within(archive.string()));
  return done;
}

}  // namespace bpfgate::deb
