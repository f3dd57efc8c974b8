// SPDX-License-Identifier: MIT
// Our reading of which libraries a program maps against what its dynamic linker says.
#include "sign/closure.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>
#include <filesystem>
#include <sstream>

#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::sign;
using test::Bench;

namespace {

std::vector<std::string> sorted(const std::vector<std::filesystem::path>& paths) {
  std::vector<std::string> names;
  for (const auto& path : paths) names.push_back(path.string());
  std::sort(names.begin(), names.end());
  return names;
}

// The paths in the lines of `ld.so --list`, symbolic links resolved.
std::vector<std::string> listed_by_linker(const std::string& linker, const std::string& program) {
  std::istringstream lines(test::shell(linker + " --list " + program + " | grep -o '/[^ ]*' | xargs realpath"));
  std::vector<std::string> names;
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

std::string linker_of(const std::string& program) {
  std::string text = test::shell("readelf -lW " + program + " | sed -n 's/.*interpreter: \\(.*\\)]/\\1/p'");
  return text.substr(0, text.find('\n'));
}

// main needs libone, which needs libtwo; `main_flags` and `one_flags` say where they look.
void build_chain(const Bench& bench, const std::string& main_flags, const std::string& one_flags) {
  bench.run(
      "mkdir -p lib sub; echo 'int two(void) { return 2; }' >two.c; echo 'int two(void); int one(void) { return "
      "two(); }' >one.c; echo 'int one(void); int main(void) { return one(); }' >main.c");
  bench.run("cc -shared -fPIC -o sub/libtwo.so two.c -Wl,-soname,libtwo.so");
  bench.run("cc -shared -fPIC -o lib/libone.so one.c -Lsub -ltwo -Wl,-soname,libone.so " + one_flags);
  bench.run("cc -o main main.c -Llib -lone -Wl,-rpath-link,sub " + main_flags);
}

bool has(const Closure& closure, const std::string& path) {
  return std::find(closure.libraries.begin(), closure.libraries.end(), path) != closure.libraries.end();
}

}  // namespace

TEST_CASE("the closure of a program is what its dynamic linker lists") {
  std::string program = GENERATE(std::string("/usr/bin/openssl"), "/bin/bash", "/usr/bin/fsverity", "/usr/bin/git",
                                 "/usr/bin/clang-19", "/usr/bin/keyctl", "/proc/self/exe");
  if (program.starts_with("/proc")) program = std::filesystem::read_symlink(program).string();
  Closure closure = closure_of(program).value();
  CHECK(closure.missing.empty());
  CHECK(sorted(closure.libraries) == listed_by_linker(linker_of(program), program));
}

TEST_CASE("a program without a dynamic linker has none, and neither has what is no program") {
  Bench bench;
  bench.run("echo 'int main(void) { return 0; }' >main.c && cc -static -o static main.c");
  bench.write("script", "#!/bin/sh\n");
  bench.write("empty", "");
  for (const char* name : {"static", "script", "empty"}) {
    Closure closure = closure_of(bench / name).value();
    CHECK(closure.libraries.empty());
    CHECK(closure.missing.empty());
  }
  CHECK(closure_of(bench / "missing").error().message.find("missing") != std::string::npos);
}

TEST_CASE("RUNPATH with $ORIGIN is for the direct needs, RPATH for those below too") {
  Bench bench;
  bool is_rpath = GENERATE(true, false);
  std::string tags = is_rpath ? "-Wl,--disable-new-dtags" : "-Wl,--enable-new-dtags";
  build_chain(bench, tags + " '-Wl,-rpath,$ORIGIN/lib:${ORIGIN}/sub'", "");
  Closure closure = closure_of(bench / "main").value();
  CHECK(has(closure, bench / "lib/libone.so"));
  CHECK(has(closure, bench / "sub/libtwo.so") == is_rpath);
  CHECK(closure.missing == (is_rpath ? std::vector<std::string>{} : std::vector<std::string>{"libtwo.so"}));
}

TEST_CASE("$ORIGIN of the program itself does not count in a loader, a library's does") {
  Bench bench;
  build_chain(bench, "'-Wl,-rpath,$ORIGIN/lib'", "'-Wl,-rpath,$ORIGIN/../sub'");
  Closure closure = closure_of(bench / "main").value();
  CHECK(closure.by_origin_only == std::vector<std::string>{"libone.so"});
  CHECK(has(closure, bench / "lib/libone.so"));

  build_chain(bench, "-Wl,-rpath," + (bench / "lib"), "'-Wl,-rpath,$ORIGIN/../sub'");
  closure = closure_of(bench / "main").value();
  CHECK(closure.by_origin_only.empty());
  CHECK(has(closure, bench / "sub/libtwo.so"));
}

TEST_CASE("a library's own RUNPATH is searched for its needs") {
  Bench bench;
  build_chain(bench, "'-Wl,-rpath,$ORIGIN/lib'", "'-Wl,-rpath,$ORIGIN/../sub'");
  Closure closure = closure_of(bench / "main").value();
  CHECK(has(closure, bench / "sub/libtwo.so"));
  CHECK(closure.missing.empty());
  CHECK(sorted(closure.libraries) == listed_by_linker(linker_of(bench / "main"), bench / "main"));
}

TEST_CASE("variants for newer CPUs belong to the closure, another machine's library does not") {
  Bench bench;
  build_chain(bench, "'-Wl,-rpath,$ORIGIN/other:$ORIGIN/lib'", "'-Wl,-rpath,$ORIGIN/../sub'");
  bench.run("mkdir -p lib/glibc-hwcaps/x86-64-v3 other && cp lib/libone.so lib/glibc-hwcaps/x86-64-v3/");
  bench.run(
      "cp lib/libone.so other/ && printf '\\267\\0' | dd of=other/libone.so bs=1 seek=18 conv=notrunc");  // aarch64
  Closure closure = closure_of(bench / "main").value();
  CHECK(has(closure, bench / "lib/libone.so"));
  CHECK(has(closure, bench / "lib/glibc-hwcaps/x86-64-v3/libone.so"));
  CHECK_FALSE(has(closure, bench / "other/libone.so"));
}

TEST_CASE("what a program needs and the host lacks is named") {
  Bench bench;
  build_chain(bench, "'-Wl,-rpath,$ORIGIN/lib'", "");
  bench.run("rm lib/libone.so");
  CHECK(closure_of(bench / "main").value().missing == std::vector<std::string>{"libone.so"});
}
