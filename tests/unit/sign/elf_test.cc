// SPDX-License-Identifier: MIT
#include "sign/elf.h"

#include <elf.h>
#include <fcntl.h>

#include <algorithm>
#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "peers.h"
#include "sign/ld_cache.h"

using namespace bpfgate;
using namespace bpfgate::sign;
using test::Bench;

namespace {

std::optional<sign::Elf> elf_at(const std::string& path) {
  UniqueFd fd = open_file(path, O_RDONLY).value();
  return read_elf(fd.get()).value();
}

}  // namespace

TEST_CASE("a dynamic program says what it needs") {
  Bench bench;
  bench.run("echo 'int main(void) { return 0; }' >m.c && cc -o m m.c -Wl,--no-as-needed -lm '-Wl,-rpath,/a:$ORIGIN/b'");
  std::optional<sign::Elf> elf = elf_at(bench / "m");
  REQUIRE(elf);
  CHECK(elf->interpreter.starts_with("/lib"));
  CHECK(elf->is_dynamic);
  CHECK(elf->needed == std::vector<std::string>{"libm.so.6", "libc.so.6"});
  CHECK(elf->runpath == "/a:$ORIGIN/b");
  CHECK(elf->rpath.empty());
  CHECK(elf->soname.empty());
  CHECK_FALSE(elf->ignores_default_directories);
}

TEST_CASE("a stripped library without section headers says the same") {
  Bench bench;
  bench.run(
      "echo 'int f(void) { return 0; }' >f.c && cc -shared -fPIC -o f.so f.c -Wl,-soname,libf.so.1 "
      "-Wl,-z,nodefaultlib -Wl,--disable-new-dtags -Wl,-rpath,/r");
  bench.run(
      "cp f.so g.so && printf '\\0\\0\\0\\0\\0\\0\\0\\0' | dd of=g.so bs=1 seek=40 conv=notrunc && "
      "printf '\\0\\0\\0\\0' | dd of=g.so bs=1 seek=60 conv=notrunc");  // e_shoff, e_shnum, e_shstrndx
  for (const char* name : {"f.so", "g.so"}) {
    std::optional<sign::Elf> elf = elf_at(bench / name);
    REQUIRE(elf);
    CHECK(elf->soname == "libf.so.1");
    CHECK(elf->rpath == "/r");
    CHECK(elf->interpreter.empty());
    CHECK(elf->ignores_default_directories);
    CHECK(elf->is_same_machine(*elf_at("/proc/self/exe")));
  }
}

TEST_CASE("what is not ELF is nullopt") {
  Bench bench;
  bench.write("empty", "");
  bench.write("short",
              "\x7f"
              "EL");
  bench.write("text", "a text of some length that is not ELF at all, whatever it says");
  for (const char* name : {"empty", "short", "text"}) CHECK_FALSE(elf_at(bench / name));
  UniqueFd directory = open_file(bench.path(), O_RDONLY).value();
  CHECK_FALSE(read_elf(directory.get()));
}

TEST_CASE("damaged ELF files are read without harm") {
  Bench bench;
  bench.run("echo 'int main(void) { return 0; }' >m.c && cc -s -o m m.c");
  const Bytes good = read_file(bench / "m", 1 << 20).value();
  for (size_t size = 0; size < good.size(); size += 97) {
    REQUIRE(write_file_atomically(bench / "cut", ByteView(good).first(size)));
    (void)elf_at(bench / "cut");
  }
  unsigned state = 1;  // the same damage in each run
  for (int round = 0; round < 300; ++round) {
    Bytes damaged = good;
    for (int i = 0; i < 8; ++i) {
      state = state * 1103515245 + 12345;
      damaged[(state >> 8) % 1024] = static_cast<uint8_t>(state >> 24);
    }
    std::copy(good.begin(), good.begin() + 5, damaged.begin());
    REQUIRE(write_file_atomically(bench / "bad", damaged));
    (void)elf_at(bench / "bad");
  }
}

TEST_CASE("the cache of the dynamic linker is read as ldconfig prints it") {
  LdCache cache = LdCache::of_host();
  CHECK(cache.find("libno-such-library.so.0").empty());
  std::string path = test::shell("/sbin/ldconfig -p | sed -n 's/.*libcrypto.so.3 .*=> //p' | head -1");
  path.pop_back();
  std::vector<std::string> found = cache.find("libcrypto.so.3");
  REQUIRE_FALSE(found.empty());
  CHECK(found.front() == path);
}

TEST_CASE("a damaged cache gives what can be read of it") {
  Bytes content = read_file("/etc/ld.so.cache", 1 << 26).value();
  CHECK(LdCache::parse({}).find("libc.so.6").empty());
  CHECK(LdCache::parse(as_bytes("glibc-ld.so.cache1.1")).find("libc.so.6").empty());
  for (size_t size = 0; size < content.size(); size += 1009) (void)LdCache::parse(ByteView(content).first(size));
  for (size_t at = 20; at < 24; ++at) content[at] = 0xff;  // the number of entries
  CHECK_FALSE(LdCache::parse(content).find("libc.so.6").empty());
  // glibc before 2.32 has its old format in front.
  Bytes both(64 + content.size(), 'x');
  std::copy(content.begin(), content.end(), both.begin() + 64);
  CHECK_FALSE(LdCache::parse(both).find("libc.so.6").empty());
}
