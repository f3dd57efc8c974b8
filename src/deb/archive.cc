// SPDX-License-Identifier: MIT
#include "deb/archive.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/mman.h>

#include <map>
#include <memory>

#include "base/unique_fd.h"
#include "deb/process.h"

namespace bpfgate::deb {
namespace {

struct ReaderDeleter {
  void operator()(struct archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<struct archive, ReaderDeleter>;

Failure archive_failure(struct archive* reader) {
  const char* text = archive_error_string(reader);
  return fail(ErrorKind::Failed, text == nullptr ? "is no archive" : text);
}

// "./usr/sbin/x" is /usr/sbin/x.
std::string installed_path(const char* name) {
  std::string path = name == nullptr ? "" : name;
  if (path.starts_with('.')) path.erase(0, 1);
  return path.starts_with('/') ? path : "/" + path;
}

Result<UniqueFd> content_of(struct archive* reader) {
  UniqueFd fd(::memfd_create("package-file", MFD_CLOEXEC));
  if (!fd) return fail_errno("memfd_create");
  if (archive_read_data_into_fd(reader, fd.get()) != ARCHIVE_OK) return archive_failure(reader);
  return fd;
}

// One walk. What is wanted under a name that is a hard link to a file that was not, it leaves in `missed`.
class Walk {
 public:
  Walk(struct archive* reader, const Visitor& visitor) : reader_(reader), visitor_(visitor) {}

  Result<> run() {
    struct archive_entry* entry = nullptr;
    int code = ARCHIVE_OK;
    while ((code = archive_read_next_header(reader_, &entry)) == ARCHIVE_OK) TRY(look_at(entry));
    if (code != ARCHIVE_EOF) return archive_failure(reader_);
    return {};
  }

  std::map<std::string, std::string> missed;  // name, and the one it is a link to

 private:
  Result<> look_at(struct archive_entry* entry) {
    std::string path = installed_path(archive_entry_pathname(entry));
    if (!visitor_.wants(path)) return {};
    if (const char* target = archive_entry_hardlink(entry); target != nullptr) {
      missed[path] = installed_path(target);
      return {};
    }
    if (archive_entry_filetype(entry) != AE_IFREG) return {};
    TRY_ASSIGN(UniqueFd fd, content_of(reader_));
    return visitor_.take(path, fd.get());
  }

  struct archive* reader_;
  const Visitor& visitor_;
};

Result<std::map<std::string, std::string>> walk(const std::filesystem::path& package, const Visitor& visitor) {
  // By its absolute name, for no name of a file is an option then.
  TRY_ASSIGN(Process unpacker,
             Process::start({"dpkg-deb", "--fsys-tarfile", std::filesystem::absolute(package).string()}));
  Reader reader(archive_read_new());
  if (!reader) return fail(ErrorKind::Failed, "no memory for libarchive");
  archive_read_support_format_tar(reader.get());
  if (archive_read_open_fd(reader.get(), unpacker.output(), 65536) != ARCHIVE_OK) return archive_failure(reader.get());
  Walk files(reader.get(), visitor);
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
