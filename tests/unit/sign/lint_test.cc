// SPDX-License-Identifier: MIT
#include "sign/lint.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

#include "peers.h"
#include "sign/sign.h"

using namespace bpfgate;
using namespace bpfgate::sign;
using test::Bench;

namespace {

std::optional<LintFinding> lint_of(const std::string& path) {
  UniqueFd fd = open_regular(path).value();
  return lint(fd.get(), path).value();
}

constexpr const char* linker = "$(readelf -lW /bin/sh | sed -n 's/.*interpreter: \\(.*\\)]/\\1/p')";

}  // namespace

TEST_CASE("shells and languages are found under their own names and under any other") {
  Bench bench;
  std::string program = GENERATE("/bin/sh", "/bin/bash", "/usr/bin/perl", "/usr/bin/awk");
  std::optional<LintFinding> found = lint_of(program);
  REQUIRE(found);
  CHECK(found->kind == LintKind::Interpreter);
  bench.run("cp " + program + " tool; strip tool");
  found = lint_of(bench / "tool");
  REQUIRE(found);
  CHECK(found->kind == LintKind::Interpreter);
  INFO(found->reason);
  CHECK(found->reason.find("it has the marks of") != std::string::npos);
}

TEST_CASE("a dynamic linker is found under any name") {
  Bench bench;
  bench.run(std::string("cp ") + linker + " tool");
  std::optional<LintFinding> found = lint_of(bench / "tool");
  REQUIRE(found);
  CHECK(found->kind == LintKind::DynamicLinker);
}

TEST_CASE("a script is no loader, whatever its interpreter") {
  Bench bench;
  bench.write("script", "#!/usr/bin/bpftrace\n");
  std::optional<LintFinding> found = lint_of(bench / "script");
  REQUIRE(found);
  CHECK(found->kind == LintKind::Script);
}

TEST_CASE("names count where the content says nothing") {
  Bench bench;
  bench.run(
      "echo 'int main(void) { return 0; }' >m.c && cc -o m m.c && cp m python3.11 && cp m pythonic && ln -s m lua");
  CHECK(lint_of(bench / "python3.11"));
  CHECK(lint_of(bench / "lua"));
  CHECK_FALSE(lint_of(bench / "pythonic"));
  CHECK_FALSE(lint_of(bench / "m"));
  bench.run("ln -s python3.11 link");
  CHECK(lint_of(bench / "link"));
}

TEST_CASE("a program that embeds an interpreter is one") {
  Bench bench;
  bench.run(
      "echo 'int f(void) { return 0; }' >f.c && cc -shared -fPIC -o libpython3.99.so f.c -Wl,-soname,libpython3.99.so "
      "&& echo 'int main(void) { return 0; }' >m.c && cc -o m m.c -Wl,--no-as-needed -L. -lpython3.99");
  std::optional<LintFinding> needs = lint_of(bench / "m");
  REQUIRE(needs);
  CHECK(needs->reason == "a general-purpose interpreter (it needs libpython3.99.so)");
  CHECK(lint_of(bench / "libpython3.99.so"));
  bench.run("echo 'const char *p = \"Py_RunMain\"; int main(void) { return !*p; }' >d.c && cc -o d d.c");
  CHECK(lint_of(bench / "d"));  // by dlsym
}

TEST_CASE("ordinary programs and data pass, this one with the lint built in too") {
  Bench bench;
  bench.write("data",
              std::string("not ELF, but with G") + "NU bash, version 5");  // in two, for this program's own sake
  for (const std::string& path : {std::string("/proc/self/exe"), bench / "data", std::string("/usr/bin/openssl"),
                                  std::string("/usr/bin/fsverity"), std::string("/usr/bin/git")}) {
    std::optional<LintFinding> found = lint_of(path);
    INFO(path << ": " << (found ? found->reason : ""));
    CHECK_FALSE(found);
  }
}
