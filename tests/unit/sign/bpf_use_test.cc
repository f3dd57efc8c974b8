// SPDX-License-Identifier: MIT
#include "sign/bpf_use.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "peers.h"

using namespace bpfgate;
using test::Bench;

namespace {

std::string use_of(const std::string& path) {
  UniqueFd fd = open_file(path, O_RDONLY).value();
  return sign::bpf_use(fd.get()).value().value_or("");
}

}  // namespace

TEST_CASE("programs that need libbpf use BPF, its library and other programs do not") {
  Bench bench;
  bench.run(
      "echo 'int libbpf_major_version(void); int main(void) { return libbpf_major_version(); }' >m.c;"
      "cc -o needs m.c -lbpf; cc -shared -fPIC -o needs.so m.c -lbpf; cc -c -o needs.o m.c");
  CHECK(use_of(bench / "needs").starts_with("needs libbpf.so."));
  for (const char* name : {"needs.so", "needs.o", "m.c"}) {
    INFO(name);
    CHECK(use_of(bench / name).empty());
  }
  CHECK(use_of("/bin/true").empty());
}

TEST_CASE("programs that have a library for BPF built in use it, however they are linked") {
  Bench bench;
  bench.run(
      "echo 'const char kept[] = \"libbpf: elf: failed\"; int main(void) { return kept[0] == 0; }' >m.c;"
      "cc -o dynamic m.c; cc -no-pie -o fixed m.c; cc -static -o static m.c; cc -static-pie -o static-pie m.c;"
      "cc -shared -fPIC -o library.so m.c; strip dynamic fixed static static-pie");
  for (const char* name : {"dynamic", "fixed", "static", "static-pie"}) {
    INFO(name);
    CHECK(use_of(bench / name) == "has libbpf built in");
  }
  CHECK(use_of(bench / "library.so").empty());
}

TEST_CASE("a program with a BPF object in it") {
  Bench bench;
  bench.run(
      "echo 'const char object[] = \"x\\0.BTF.ext\\0y\"; int main(void) { return object[0] == 0; }' >m.c;"
      "cc -o m m.c");
  CHECK(use_of(bench / "m") == "has a BPF object or its loader built in");
}

TEST_CASE("text is found across the pieces in which a file is read") {
  Bench bench;
  bench.run("cp /bin/true program; truncate -s 1048574 program; printf 'github.com/cilium/ebpf' >>program");
  CHECK(use_of(bench / "program") == "has cilium/ebpf built in");
}

TEST_CASE("a program that opens libbpf by its name") {
  Bench bench;
  bench.run(
      "echo '#include <dlfcn.h>\nint main(void) { return dlopen(\"libbpf.so.1\", RTLD_NOW) == 0; }' >m.c; cc -o m m.c;"
      "cc -shared -fPIC -o m.so m.c");
  CHECK(use_of(bench / "m") == "opens libbpf");
  CHECK(use_of(bench / "m.so").empty());
}

TEST_CASE("a program whose own library uses BPF does so, however many are between them") {
  Bench bench;
  bench.run(
      "echo 'const char object[] = \"x\\0.BTF.ext\\0y\"; int core(void) { return object[0]; }' >core.c;"
      "echo 'int core(void); int middle(void) { return core(); }' >middle.c;"
      "echo 'const char* name(void) { return \"libbpf.so.1\"; }' >shared.c;"
      "echo 'int middle(void); int main(void) { return middle(); }' >program.c;"
      "echo 'const char* name(void); int main(void) { return name()[0]; }' >other.c;"
      "cc -shared -fPIC -Wl,-soname,libcore-1.so -o core.so core.c;"
      "cc -shared -fPIC -Wl,-soname,libmiddle.so -o libmiddle.so middle.c core.so;"
      "cc -shared -fPIC -Wl,-soname,libshared.so -o libshared.so shared.c;"
      "cc -o program program.c libmiddle.so -Wl,--allow-shlib-undefined; cc -o other other.c libshared.so");
  sign::BpfLibraries beside;
  auto add = [&](const std::string& name) {
    UniqueFd fd = open_file(bench / name, O_RDONLY).value();
    REQUIRE(beside.add(fd.get(), {"/usr/lib/" + name}));
  };
  auto use_beside = [&](const std::string& name) {
    UniqueFd fd = open_file(bench / name, O_RDONLY).value();
    return sign::bpf_use(fd.get(), beside).value().value_or("");
  };
  CHECK(use_beside("program").empty());
  for (const char* name : {"core.so", "libshared.so", "program", "core.c"}) add(name);
  // Not a program's own library yet: the one between them is unknown.
  CHECK(use_beside("program").empty());
  add("libmiddle.so");
  CHECK(use_beside("program") == "needs libmiddle.so, which has a BPF object or its loader built in");
  CHECK(use_beside("core.so").empty());
  // Many programs need such a library, and few of them let it open libbpf.
  CHECK(use_beside("other").empty());
}

TEST_CASE("libraries that need each other") {
  Bench bench;
  bench.run(
      "echo 'int a(void) { return 0; }' >a.c; echo 'int b(void) { return 0; }' >b.c;"
      "cc -shared -fPIC -Wl,-soname,liba.so -o liba.so a.c;"
      "cc -shared -fPIC -Wl,-soname,libb.so -o libb.so b.c -Wl,--no-as-needed liba.so;"
      "cc -shared -fPIC -Wl,-soname,liba.so -o liba.so a.c -Wl,--no-as-needed libb.so");
  sign::BpfLibraries beside;
  for (const char* name : {"liba.so", "libb.so"}) {
    UniqueFd fd = open_file(bench / name, O_RDONLY).value();
    REQUIRE(beside.add(fd.get(), {name}));
  }
  CHECK_FALSE(beside.use_of("liba.so"));
}
