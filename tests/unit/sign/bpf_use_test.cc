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
