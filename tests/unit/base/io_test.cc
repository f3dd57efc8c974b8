// SPDX-License-Identifier: MIT
#include "base/io.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>
#include <iterator>

#include "base/directory.h"
#include "temporary_directory.h"

using namespace bpfgate;
namespace fs = std::filesystem;

namespace {

constexpr const char* attribute = "user.bpfgate_test";

size_t entry_count(const fs::path& directory) {
  return static_cast<size_t>(std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

mode_t mode_of(const fs::path& path) {
  struct stat status = {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 07777;
}

}  // namespace

TEST_CASE("opening sets close-on-exec and names the path in errors") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("a", "x"), O_RDONLY).value();
  CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  Result<UniqueFd> missing = open_file(directory.path() / "missing", O_RDONLY);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().code == ENOENT);
  CHECK(missing.error().message.find("/missing: ") != std::string::npos);
}

TEST_CASE("opening below a root stays there") {
  test::TemporaryDirectory directory;
  (void)directory.file("outside", "out");
  fs::create_directories(directory.path() / "root/etc");
  (void)directory.file("root/etc/inside", "in");
  fs::create_symlink("/etc/inside", directory.path() / "root/link");
  fs::create_symlink("../outside", directory.path() / "root/out");
  UniqueFd root = open_file(directory.path() / "root", O_PATH | O_DIRECTORY).value();
  UniqueFd fd = open_in_root(root.get(), "/etc/inside", O_RDONLY).value();
  CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK(open_in_root(root.get(), "/link", O_RDONLY).has_value());
  CHECK(open_in_root(root.get(), "/etc/../../../etc/inside", O_RDONLY).has_value());
  CHECK(open_in_root(root.get(), "/out", O_RDONLY).error().code == ENOENT);
  CHECK(open_in_root(root.get(), "/../outside", O_RDONLY).error().code == ENOENT);
  CHECK(open_in_root(root.get(), "/missing", O_RDONLY).error().message.starts_with("/missing: "));
}

TEST_CASE("only a regular file is opened, and what is none is told apart from what is not there") {
  test::TemporaryDirectory directory;
  fs::create_directories(directory.path() / "root/sub");
  (void)directory.file("root/file", "text");
  fs::create_symlink("file", directory.path() / "root/link");
  REQUIRE(::mkfifo((directory.path() / "root/pipe").c_str(), 0600) == 0);
  UniqueFd root = open_file(directory.path() / "root", O_PATH | O_DIRECTORY).value();
  for (const char* name : {"/file", "/link"}) {
    UniqueFd fd = open_regular_in_root(root.get(), name).value();
    CHECK(read_text(fd.get(), 100, name).value() == "text");
    CHECK((::fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0);
  }
  for (const char* name : {"/sub", "/pipe"})
    CHECK(open_regular_in_root(root.get(), name).error().kind == ErrorKind::Invalid);
  CHECK(open_regular_in_root(root.get(), "/missing").error().code == ENOENT);
}

TEST_CASE("the names in a directory come in order, and none that every directory has") {
  test::TemporaryDirectory directory;
  for (const char* name : {"b", "a", ".c"}) (void)directory.file(name, "");
  auto open = [&] { return open_file(directory.path(), O_RDONLY | O_DIRECTORY).value(); };
  CHECK(names_in(open(), "x").value() == std::vector<std::string>{".c", "a", "b"});
  auto failed = names_in(open_file(directory.path() / "a", O_RDONLY).value(), "x");
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message.starts_with("x: "));
}

TEST_CASE("a file is read whole, up to the limit and not beyond") {
  test::TemporaryDirectory directory;
  for (size_t size : {size_t{0}, size_t{1}, size_t{65536}, size_t{65537}, size_t{200000}}) {
    INFO(size);
    std::string content(size, 'x');
    if (size > 0) content.back() = 'y';
    fs::path path = directory.file("f", content);
    CHECK(read_text_file(path, size).value() == content);
    if (size == 0) continue;
    Result<Bytes> cut = read_file(path, size - 1);
    REQUIRE_FALSE(cut);
    CHECK(cut.error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("files without a size are read too") {
  CHECK(read_text_file("/proc/self/status", 1 << 20).value().starts_with("Name:"));
}

TEST_CASE("of a first line nothing else is read") {
  test::TemporaryDirectory directory;
  CHECK(read_first_line(directory.file("f", "one\ntwo\n")).value() == "one");
  CHECK(read_first_line(directory.file("f", "one")).value() == "one");
  CHECK(read_first_line(directory.file("f", "\none")).value().empty());
  CHECK(read_first_line(directory.file("f", "")).value().empty());
  CHECK(read_first_line(directory.file("f", std::string(4096, 'x') + "\n")).value().size() == 4096);
  CHECK(read_first_line(directory.file("f", std::string(10000, 'x') + "\n")).error().kind == ErrorKind::Invalid);
  CHECK(read_first_line("/proc/self/status").value().starts_with("Name:"));
  CHECK(read_first_line(directory.path() / "absent").error().code == ENOENT);
  // One without an end: the rest of /dev/zero is left alone.
  CHECK(read_first_line("/dev/zero").error().kind == ErrorKind::Invalid);
}

TEST_CASE("directories are made with those above, and may be there") {
  test::TemporaryDirectory directory;
  fs::path deep = directory.path() / "one" / "two" / "three";
  REQUIRE(make_directories(deep));
  CHECK(fs::is_directory(deep));
  CHECK(make_directories(deep));
  CHECK(make_directories(deep / "four" / ""));
  CHECK(fs::is_directory(deep / "four"));
  (void)directory.file("file", "");
  CHECK(make_directories(directory.path() / "file" / "below").error().code == EEXIST);
  CHECK(make_directories(directory.path() / "file").error().code == EEXIST);
  REQUIRE(make_directories("relative_directory_test/below"));
  CHECK(fs::remove_all("relative_directory_test") == 2);
}

TEST_CASE("a directory is not a file to read") {
  test::TemporaryDirectory directory;
  CHECK(read_file(directory.path(), 100).error().code == EISDIR);
}

TEST_CASE("an atomic write replaces the content and leaves nothing beside it") {
  test::TemporaryDirectory directory;
  fs::path path = directory.file("f", "old and longer");
  REQUIRE(write_file_atomically(path, as_bytes("new"), 0640));
  CHECK(read_text_file(path, 100).value() == "new");
  CHECK(mode_of(path) == 0640);
  CHECK(entry_count(directory.path()) == 1);
}

TEST_CASE("an atomic write that fails leaves the old content and no temporary") {
  test::TemporaryDirectory directory;
  fs::path blocked = directory.path() / "blocked";
  fs::create_directories(blocked / "full");  // rename(2) refuses to replace it
  CHECK_FALSE(write_file_atomically(blocked, as_bytes("new")));
  CHECK(fs::is_directory(blocked / "full"));
  CHECK(entry_count(directory.path()) == 1);
  CHECK_FALSE(write_file_atomically(directory.path() / "missing" / "f", as_bytes("new")));
}

TEST_CASE("what is too large for memory is written piece by piece, and as atomically") {
  test::TemporaryDirectory directory;
  fs::path path = directory.file("f", "0123456789");
  auto write = [&](int to) -> Result<> {
    TRY(write_all(to, as_bytes("new "), path.string()));
    UniqueFd from = open_file(path, O_RDONLY).value();
    return copy_rest(from.get(), 7, to, path.string());
  };
  REQUIRE(replace_file_atomically(path, write, 0600));
  CHECK(read_text_file(path, 100).value() == "new 789");
  CHECK(mode_of(path) == 0600);
  auto write_half = [&](int to) -> Result<> {
    TRY(write_all(to, as_bytes("half"), path.string()));
    return fail(ErrorKind::Refused, "no more");
  };
  CHECK_FALSE(replace_file_atomically(path, write_half, 0600));
  CHECK(read_text_file(path, 100).value() == "new 789");
  CHECK(entry_count(directory.path()) == 1);
}

TEST_CASE("an atomic write replaces no device, pipe or link") {
  test::TemporaryDirectory directory;
  fs::path file = directory.file("f", "old");
  fs::path fifo = directory.path() / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  fs::path link = directory.path() / "link";
  fs::create_symlink("f", link);
  fs::path dangling = directory.path() / "dangling";
  fs::create_symlink("missing", dangling);
  for (const fs::path& path :
       {fifo, link, dangling, directory.path(), fs::path("/dev/null"), fs::path("/dev/stdout")}) {
    INFO(path);
    auto done = write_file_atomically(path, as_bytes("new"));
    REQUIRE_FALSE(done);
    CHECK(done.error().kind == ErrorKind::Invalid);
    CHECK(done.error().message.find(path.string() + " is no regular file") == 0);
    CHECK_FALSE(done.error().remedy.empty());
  }
  CHECK(write_file_atomically(link, as_bytes("new")).error().message.ends_with("but a symbolic link"));
  CHECK(fs::is_symlink(link));
  CHECK(read_text_file(file, 10).value() == "old");
  CHECK(entry_count(directory.path()) == 4);
}

TEST_CASE("a relative name is written in the working directory") {
  fs::path name = "relative_name_test";
  REQUIRE(write_file_atomically(name, as_bytes("here")));
  CHECK(read_text_file(name, 10).value() == "here");
  fs::remove(name);
}

TEST_CASE("extended attributes are set, replaced, read and removed") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("f", ""), O_RDWR).value();
  CHECK(get_xattr(fd.get(), attribute).value() == std::nullopt);
  REQUIRE(set_xattr(fd.get(), attribute, Bytes{1, 0, 2}));
  CHECK(get_xattr(fd.get(), attribute).value() == Bytes{1, 0, 2});
  REQUIRE(set_xattr(fd.get(), attribute, Bytes(2000, 7)));
  CHECK(get_xattr(fd.get(), attribute).value() == Bytes(2000, 7));
  REQUIRE(remove_xattr(fd.get(), attribute));
  CHECK(get_xattr(fd.get(), attribute).value() == std::nullopt);
}

TEST_CASE("an empty extended attribute is not an absent one") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("f", ""), O_RDWR).value();
  REQUIRE(set_xattr(fd.get(), attribute, {}));
  CHECK(get_xattr(fd.get(), attribute).value() == Bytes{});
}

TEST_CASE("removing an absent extended attribute is success") {
  test::TemporaryDirectory directory;
  UniqueFd fd = open_file(directory.file("f", ""), O_RDWR).value();
  CHECK(remove_xattr(fd.get(), attribute));
}

TEST_CASE("a file system without extended attributes is unsupported, not broken") {
  UniqueFd fd = open_file("/proc/self/status", O_RDONLY).value();
  CHECK(get_xattr(fd.get(), attribute).error().kind == ErrorKind::Unsupported);
  CHECK(set_xattr(fd.get(), attribute, Bytes{1}).error().kind == ErrorKind::Unsupported);
}
