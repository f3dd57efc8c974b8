// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/generators/catch_generators.hpp>

#include "base/io.h"
#include "image/image.h"
#include "images.h"

using namespace bpfgate;
using namespace bpfgate::image;
using test::ImageMaker;
using test::is_clean;
using test::read_all;

namespace {

constexpr size_t sizes[] = {0, 1, 4096, 4097, 65536, 65537, 3000000};

std::vector<std::string> add_sizes(const ImageMaker& maker) {
  std::vector<std::string> paths;
  for (size_t size : sizes) {
    paths.push_back("/usr/bin/" + std::to_string(size));
    maker.add(paths.back(), test::pattern(size));
  }
  return paths;
}

// Seals all in an image of this kind, and compares with what the same files are outside of one.
void check_kind(const ImageMaker& maker, const std::vector<std::string>& paths, const std::string& options,
                const fsverity::Parameters& parameters) {
  INFO(options);
  const std::filesystem::path image = maker.make(options);
  Result<Outcome> outcome = seal(image, {.paths = paths, .parameters = parameters});
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->refused.empty());
  REQUIRE(outcome->sealed.size() == paths.size());
  for (const Sealed& file : outcome->sealed) {
    CHECK(file.outcome == fsverity::SealOutcome::Sealed);
    CHECK(file.digest == fsverity::compute(maker.root() / file.path.substr(1), parameters).value());
  }
  CHECK(is_clean(image));
  Result<std::vector<Checked>> checked = check(image);
  REQUIRE(checked.has_value());
  REQUIRE(checked->size() == paths.size());
  for (const Checked& file : *checked) CHECK(file.digest.has_value());
}

std::string message_of(const Result<Outcome>& outcome) {
  if (!outcome) return outcome.error().message;
  return outcome->refused.empty() ? "" : outcome->refused.front().error.message;
}

}  // namespace

TEST_CASE("files are sealed as the kernel would seal them") {
  ImageMaker maker;
  const std::vector<std::string> paths = add_sizes(maker);
  const fsverity::Parameters small{fsverity::Algorithm::Sha256, 1024, {}};
  check_kind(maker, paths, "-b 4096", {});
  check_kind(maker, paths, "-b 4096 -O ^has_journal,^metadata_csum", small);
  check_kind(maker, paths, "-b 4096 -O ^64bit -I 1024", {fsverity::Algorithm::Sha512, 4096, {1, 2, 3}});
  check_kind(maker, paths, "-b 1024 -O ^has_journal", small);
  check_kind(maker, paths, "-b 2048 -O ^has_journal,^metadata_csum,^64bit", {fsverity::Algorithm::Sha256, 2048, {}});
  check_kind(maker, paths, "-b 4096 -O ^has_journal,^flex_bg,meta_bg,^resize_inode,ea_inode", {});
  check_kind(maker, paths, "-F -b 65536 -O ^has_journal", {});
  check_kind(maker, paths, "-F -b 65536 -O ^has_journal", {fsverity::Algorithm::Sha256, 65536, {}});
}

TEST_CASE("two runs give the same bytes, and the second finds it done") {
  ImageMaker maker;
  const std::vector<std::string> paths = add_sizes(maker);
  const std::filesystem::path image = maker.make("-b 4096");
  const std::string before = read_all(image);
  REQUIRE(seal(image, {.paths = paths, .output = maker.path("one")})->refused.empty());
  CHECK((read_all(image) == before));
  ::sleep(1);  // the superblock's times are in seconds
  REQUIRE(seal(image, {.paths = paths, .output = maker.path("two")})->refused.empty());
  const std::string sealed = read_all(maker.path("one"));
  CHECK((sealed == read_all(maker.path("two"))));
  Result<Outcome> again = seal(maker.path("one"), {.paths = paths});
  REQUIRE(again.has_value());
  REQUIRE(again->sealed.size() == paths.size());
  for (const Sealed& file : again->sealed) CHECK(file.outcome == fsverity::SealOutcome::AlreadySealed);
  CHECK((read_all(maker.path("one")) == sealed));
}

TEST_CASE("a sealed file keeps its times, and the image its mode") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  REQUIRE(test::run("touch -d 2001-02-03T04:05:06 '" + (maker.root() / "usr/bin/tool").string() + "'"));
  const std::filesystem::path image = maker.make("-b 4096");
  auto times = [&] {
    REQUIRE(test::run("debugfs -R 'stat /usr/bin/tool' '" + image.string() + "' | grep time: >times"));
    return read_all("times");
  };
  const std::string before = times();
  REQUIRE(before.find("2001") != std::string::npos);
  std::filesystem::permissions(image, std::filesystem::perms(0640));
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  CHECK(times() == before);
  CHECK(std::filesystem::status(image).permissions() == std::filesystem::perms(0640));
}

TEST_CASE("one file that cannot be sealed leaves the image as it was") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  std::filesystem::create_symlink("tool", maker.root() / "usr/bin/link");
  const std::filesystem::path image = maker.make("-b 4096");
  const std::string before = read_all(image);
  Result<Outcome> outcome =
      seal(image, {.paths = {"/usr/bin/tool", "/usr/bin/link", "usr", "/none", "/usr/bin/tool/x"}});
  REQUIRE(outcome.has_value());
  CHECK(outcome->sealed.empty());
  REQUIRE(outcome->refused.size() == 4);
  CHECK(outcome->refused[0].error.message == image.string() + ": /usr/bin/link: is a symbolic link");
  CHECK(outcome->refused[1].error.message == image.string() + ": usr: is a directory");
  CHECK(outcome->refused[2].error.message == image.string() + ": /none: there is no such file in the image");
  CHECK(outcome->refused[3].path == "/usr/bin/tool/x");
  CHECK((read_all(image) == before));
}

TEST_CASE("links on the way are followed within the image, and several slashes are one") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  maker.add("usr/bin/other", "content");
  std::filesystem::create_symlink("/usr/bin", maker.root() / "bin");
  Result<Outcome> outcome = seal(maker.make("-b 4096"), {.paths = {"/bin/tool", "//usr//bin///other"}});
  REQUIRE(outcome.has_value());
  CHECK(message_of(outcome).empty());
  CHECK(outcome->sealed.size() == 2);
}

TEST_CASE("one run names all that is refused, as long as there is room") {
  ImageMaker maker;
  for (const char* name : {"one", "two", "three"}) maker.add(std::string("usr/bin/") + name, test::pattern(600000));
  std::filesystem::path image = maker.make("-b 4096");
  const std::vector<std::string> paths = {"/usr/bin/one", "/usr/bin/two", "/usr/bin/three"};
  const Request unsignable{.paths = paths, .signature = [](const Candidate& file) -> Result<std::optional<Bytes>> {
                             if (file.path == "/usr/bin/two") return std::nullopt;
                             return fail(ErrorKind::Refused, "must not be signed");
                           }};
  std::string before = read_all(image);
  Result<Outcome> outcome = seal(image, unsignable);
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->refused.size() == 2);
  CHECK(outcome->refused[0].path == "/usr/bin/one");
  CHECK(outcome->refused[1].path == "/usr/bin/three");
  CHECK(outcome->sealed.empty());
  CHECK((read_all(image) == before));

  image = maker.make("-b 4096 -O ^has_journal,^resize_inode -m 0 -N 32", "4M");
  test::fill_up(image, 2, 4096);
  before = read_all(image);
  outcome = seal(image, {.paths = paths});
  REQUIRE(outcome.has_value());
  REQUIRE(outcome->refused.size() == 1);
  CHECK(message_of(outcome).find("is full") != std::string::npos);
  CHECK((read_all(image) == before));
}

TEST_CASE("the kernel's rule for attributes that no superblock announces is kept") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096 -O ^ext_attr");
  auto has_feature = [&] {
    return test::output_of("dumpe2fs -h '" + image.string() + "'").find("ext_attr") != std::string::npos;
  };
  REQUIRE_FALSE(has_feature());
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  CHECK_FALSE(has_feature());
  CHECK_FALSE(check(image)->front().signature.has_value());
  const Bytes signature(400, 0x30);
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"},
                       .signature = [&](const Candidate&) { return Result<std::optional<Bytes>>(signature); }})
              ->refused.empty());
  CHECK(has_feature());
  CHECK(is_clean(image));
  test::debugfs(image, "feature -ext_attr");
  CHECK(check(image)->front().signature == signature);
}

TEST_CASE("images that cannot be sealed are refused, and nothing is left beside them") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(50));
  auto refused = [&](const std::string& options, const std::string& why, const Request& request) {
    INFO(options);
    const std::filesystem::path image = maker.make(options);
    const std::string before = read_all(image);
    Result<Outcome> outcome = seal(image, request);
    INFO(message_of(outcome));
    CHECK(message_of(outcome).find(why) != std::string::npos);
    CHECK(message_of(outcome).starts_with(image.string() + ": "));
    CHECK((read_all(image) == before));
  };
  const Request request{.paths = {"/usr/bin/tool"}};
  refused("-b 4096 -O bigalloc", "allocates in clusters", request);
  refused("-b 4096 -O quota", "keeps quotas", request);
  refused("-b 4096 -O inline_data", "its content is in the inode", request);
  refused("-b 4096 -O ^extent,^64bit", "has no extents", request);
  refused("-b 1024", "smaller than the 4096 of the Merkle tree", request);
  for (const auto& entry : std::filesystem::directory_iterator(maker.path("")))
    CHECK_FALSE(entry.path().filename().string().starts_with('.'));
}

TEST_CASE("a full file system is an error that says so") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(2000000));
  const std::filesystem::path image = maker.make("-b 4096 -O ^has_journal,^resize_inode -m 0 -N 16", "4M");
  // Up to three blocks, too little for a tree and a descriptor.
  test::fill_up(image, 3, 4096);
  REQUIRE(is_clean(image));
  const std::string before = read_all(image);
  Result<Outcome> outcome = seal(image, {.paths = {"/usr/bin/tool"}});
  CHECK(message_of(outcome).find("/usr/bin/tool: allocate 6 blocks: the file system in the image is full") !=
        std::string::npos);
  CHECK((read_all(image) == before));
}

TEST_CASE("what is no image is refused") {
  ImageMaker maker;
  maker.add("file", test::pattern(100000));
  const Request request{.paths = {"/usr/bin/tool"}};
  CHECK(message_of(seal(maker.root() / "file", request)).find("no ext4 file system") != std::string::npos);
  CHECK(message_of(seal(maker.root(), request)).find("is no regular file") != std::string::npos);
  CHECK_FALSE(seal(maker.path("none"), request).has_value());

  const std::filesystem::path image = maker.make("-b 4096");
  std::filesystem::create_symlink("image", maker.path("link"));
  CHECK(message_of(seal(maker.path("link"), request)).find("symbolic link") != std::string::npos);
  std::filesystem::resize_file(image, 1000000);
  CHECK(message_of(seal(image, request)).find("has 1000000 bytes of a file system of 16777216") != std::string::npos);
}

TEST_CASE("an image is read by several at once, and replaced by one alone") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096");
  // What `inner` says while `outer` is at work.
  auto within = [&](const std::filesystem::path& outer, const std::filesystem::path& inner) {
    std::string message = "not called";
    const Request request{.paths = {"/usr/bin/tool"},
                          .signature = [&](const Candidate&) -> Result<std::optional<Bytes>> {
                            message = message_of(seal(image, {.paths = {"/usr/bin/tool"}, .output = inner}));
                            return std::nullopt;
                          },
                          .output = outer};
    CHECK(seal(image, request)->refused.empty());
    return message;
  };
  const std::string busy = image.string() + ": another program is working on it";
  CHECK(within(maker.path("one"), maker.path("two")).empty());
  CHECK(within(maker.path("one"), "") == busy);
  CHECK(within("", maker.path("two")) == busy);
  CHECK(within(image, maker.path("two")) == busy);
}

TEST_CASE("an image that is changed or replaced while it is worked on is not replaced by what it was") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096");
  const std::filesystem::path output = GENERATE(true, false) ? maker.path("out") : std::filesystem::path();
  std::function<void()> meanwhile = [] {};
  auto attempt = [&] {
    const Request request{.paths = {"/usr/bin/tool"},
                          .signature = [&](const Candidate&) -> Result<std::optional<Bytes>> {
                            meanwhile();
                            return std::nullopt;
                          },
                          .output = output};
    return message_of(seal(image, request));
  };
  const std::string refused = image.string() + ": was written to, or replaced, meanwhile";
  SECTION("nothing is done to it") { CHECK(attempt().empty()); }
  SECTION("it is written to, and the time put back") {
    meanwhile = [&] {
      const auto before = std::filesystem::last_write_time(image);
      ::usleep(20000);  // longer than the clock of file systems takes for a tick
      std::fstream(image, std::ios::in | std::ios::out | std::ios::binary) << "new";
      std::filesystem::last_write_time(image, before);
    };
    CHECK(attempt() == refused);
    CHECK(read_all(image).starts_with("new"));
    CHECK_FALSE(std::filesystem::exists(maker.path("out")));
  }
  SECTION("another file gets its name") {
    meanwhile = [&] {
      test::write_all(maker.path("other"), "other");
      std::filesystem::rename(maker.path("other"), image);
    };
    CHECK(attempt() == refused);
    CHECK(read_all(image) == "other");
    CHECK_FALSE(std::filesystem::exists(maker.path("out")));
  }
}

TEST_CASE("the copy that is worked on has no name, or one that goes with it") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096");
  auto others = [&] {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(maker.path("")))
      if (entry.path().filename() != "image" && entry.path().filename() != "root")
        names.push_back(entry.path().filename());
    return names;
  };
  std::vector<std::string> meanwhile;
  const Request request{.paths = {"/usr/bin/tool"}, .signature = [&](const Candidate&) -> Result<std::optional<Bytes>> {
                          meanwhile = others();
                          return std::nullopt;
                        }};
  CHECK(seal(image, request)->refused.empty());
  UniqueFd unnamed(::open(maker.path("").c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (unnamed) {
    CHECK(meanwhile.empty());
  } else {
    REQUIRE(meanwhile.size() == 1);
    CHECK(meanwhile[0].starts_with(".image."));
  }
  CHECK(others().empty());
}

TEST_CASE("a file system begins where it is said to") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(5000));
  const std::filesystem::path image = maker.make("-b 4096");
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}, .output = maker.path("alone")})->refused.empty());
  const std::string head = test::pattern(1048576);
  const std::filesystem::path disk = maker.path("disk");
  test::write_all(disk, head + read_all(image) + head);
  const Request request{.paths = {"/usr/bin/tool"}, .offset = head.size()};
  REQUIRE(seal(disk, request)->refused.empty());
  CHECK((read_all(disk) == head + read_all(maker.path("alone")) + head));
  CHECK(check(disk, {.offset = head.size()})->size() == 1);
  CHECK(message_of(seal(disk, {.paths = {"/usr/bin/tool"}})).find("no ext4 file system") != std::string::npos);
  CHECK(
      message_of(seal(disk, {.paths = {"/usr/bin/tool"}, .offset = UINT64_MAX})).find("no file system at the offset") !=
      std::string::npos);
  std::filesystem::resize_file(disk, head.size() + 16000000);
  CHECK(message_of(seal(disk, request)).find("has 16000000 bytes of a file system of 16777216") != std::string::npos);
}

TEST_CASE("a seal with other parameters is an error") {
  ImageMaker maker;
  maker.add("usr/bin/tool", "content");
  const std::filesystem::path image = maker.make("-b 4096");
  REQUIRE(seal(image, {.paths = {"/usr/bin/tool"}})->refused.empty());
  const std::string before = read_all(image);
  const Request salted{.paths = {"/usr/bin/tool"}, .parameters = {fsverity::Algorithm::Sha256, 4096, {1}}};
  CHECK(message_of(seal(image, salted)).find("sealed already as") != std::string::npos);
  CHECK((read_all(image) == before));
}

TEST_CASE("signatures go with the seal, or nothing goes") {
  ImageMaker maker;
  maker.add("usr/bin/tool", test::pattern(5000));
  const std::filesystem::path image = maker.make("-b 4096");
  Bytes signature(400, 0x30);
  const Request request{.paths = {"/usr/bin/tool"}, .signature = [&](const Candidate& file) {
                          Result<UniqueFd> content = file.content();
                          REQUIRE(content.has_value());
                          CHECK(fsverity::compute(content->get(), {}).value() == file.digest);
                          return Result<std::optional<Bytes>>(signature);
                        }};
  REQUIRE(seal(image, request)->sealed.front().is_signed);
  CHECK(is_clean(image));
  Result<std::vector<Checked>> checked = check(image);
  REQUIRE(checked.has_value());
  CHECK(checked->front().signature == signature);

  const std::string before = read_all(image);
  signature = Bytes(5000, 0x30);
  CHECK(message_of(seal(image, request)).find("no room for user.bpf_prog_sig") != std::string::npos);
  signature = Bytes(20000, 0x30);
  CHECK(message_of(seal(image, request)).find("larger than the 16384 bytes") != std::string::npos);
  CHECK((read_all(image) == before));
}
