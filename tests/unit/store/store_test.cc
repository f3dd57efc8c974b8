// SPDX-License-Identifier: MIT
#include "store/store.h"

#include <fcntl.h>

#include <catch2/catch_test_macros.hpp>
#include <nlohmann/json.hpp>

#include "base/io.h"
#include "crypto/base64.h"
#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::store;
using nlohmann::json;

namespace {

// As fsverity(1) makes it.
Bytes real_signature() {
  test::Bench bench;
  bench.make_signer("a");
  bench.run("seq 100 >file; fsverity sign --key=a.key --cert=a.pem file file.sig; base64 -w 0 file.sig >text");
  return crypto::from_base64(bench.run("cat text")).value();
}

json sample() {
  static const std::string signature = crypto::to_base64(real_signature());
  return {{"bpfgate", 1},
          {"package", "example"},
          {"signatures",
           {{{"path", "/usr/sbin/example"},
             {"digest", "sha256:" + std::string(64, 'a')},
             {"role", "loader"},
             {"signature", signature}},
            {{"path", "/usr/sbin/example"}, {"digest", "sha256:" + std::string(64, 'b')}, {"role", "library"}}}}};
}

std::string error_of(const json& changed) {
  auto parsed = parse(changed.dump(), "example.json");
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().kind == ErrorKind::Invalid);
  CHECK_FALSE(parsed.error().remedy.empty());
  return parsed.error().message;
}

std::string error_with(const char* pointer, const json& value) {
  json changed = sample();
  changed[json::json_pointer(pointer)] = value;
  return error_of(changed);
}

}  // namespace

TEST_CASE("a store is read, and written as it is read") {
  Store store = parse(sample().dump(), "example.json").value();
  CHECK(store.package == "example");
  REQUIRE(store.entries.size() == 2);
  CHECK(store.entries[0].path == "/usr/sbin/example");
  CHECK(fsverity::to_string(store.entries[0].digest) == "sha256:" + std::string(64, 'a'));
  CHECK_FALSE(store.entries[0].signature.empty());
  CHECK(store.entries[0].role == evidence::Role::Loader);
  CHECK(store.entries[1].signature.empty());
  CHECK(store.entries[1].role == evidence::Role::Library);
  CHECK(parse(to_text(store), "again").value() == store);
}

TEST_CASE("one store has one text") {
  Store store = parse(sample().dump(), "example.json").value(), turned = store;
  std::swap(turned.entries[0], turned.entries[1]);
  CHECK(to_text(store) == to_text(turned));
}

TEST_CASE("what is wrong in a store is said with its place") {
  CHECK(error_with("/bpfgate", 2).starts_with("example.json: /bpfgate: "));
  CHECK(error_with("/more", 2).starts_with("example.json: /more: unknown key"));
  CHECK(error_with("/signatures/0/more", 2).starts_with("example.json: /signatures/0/more: unknown key"));
  CHECK(error_with("/package", "a\nb").starts_with("example.json: /package: "));
  for (const char* path : {"usr/sbin/example", "/usr/../example", "/usr/./example", "//usr", "/usr/"})
    CHECK(error_with("/signatures/0/path", path).starts_with("example.json: /signatures/0/path: is no absolute path"));
  CHECK(error_with("/signatures/1/role", "manifest").starts_with("example.json: /signatures/1/role: is neither"));
  json without_role = sample();
  without_role["signatures"][0].erase("role");
  CHECK(error_of(without_role).starts_with("example.json: /signatures/0"));
  CHECK(error_with("/signatures/1/digest", "md5:00").starts_with("example.json: /signatures/1/digest: "));
  CHECK(
      error_with("/signatures/0/signature", "AAA").starts_with("example.json: /signatures/0/signature: is not base64"));
  CHECK(error_with("/signatures/0/signature", "AAAA").starts_with("example.json: /signatures/0/signature: "));
  CHECK(error_with("/signatures/1/digest", "sha256:" + std::string(64, 'A'))
            .starts_with("example.json: /signatures/1: this content"));
  CHECK(error_with("/signatures", 1).starts_with("example.json: /signatures: "));
  CHECK(parse("{", "example.json").error().message.starts_with("example.json:1:"));
  for (const char* key : {"bpfgate", "package", "signatures"}) {
    json changed = sample();
    changed.erase(key);
    error_of(changed);
  }
}

TEST_CASE("stores are found in both directories, by name, and nothing else is") {
  test::Bench bench;
  UniqueFd root = open_file(bench.path(), O_PATH | O_DIRECTORY).value();
  CHECK(find_stores(root.get()).value().empty());
  bench.run("mkdir -p usr/lib/bpfgate/sigs.d/below var/lib/bpfgate/sigs.d");
  for (const char* name :
       {"usr/lib/bpfgate/sigs.d/b.json", "usr/lib/bpfgate/sigs.d/a:amd64.json", "usr/lib/bpfgate/sigs.d/.a.json.tmp",
        "usr/lib/bpfgate/sigs.d/.c.json", "usr/lib/bpfgate/sigs.d/README", "usr/lib/bpfgate/sigs.d/b.json.dpkg-new",
        "usr/lib/bpfgate/sigs.d/below/c.json", "var/lib/bpfgate/sigs.d/a.json"})
    bench.run(std::string("touch ") + name);
  CHECK(find_stores(root.get()).value() == std::vector<std::filesystem::path>{"/usr/lib/bpfgate/sigs.d/a:amd64.json",
                                                                              "/usr/lib/bpfgate/sigs.d/b.json",
                                                                              "/var/lib/bpfgate/sigs.d/a.json"});
  CHECK(is_store("/usr/lib/bpfgate/sigs.d/a.json"));
  for (const char* other : {"/usr/lib/bpfgate/sigs.d/below/a.json", "/usr/lib/bpfgate/sigs.d/.json",
                            "/usr/lib/bpfgate/a.json", "/usr/lib/bpfgate/sigs.d/"})
    CHECK_FALSE(is_store(other));
}

TEST_CASE("below a root, links do not lead to stores outside, and nobody waits for a pipe") {
  test::Bench bench;
  bench.run(
      "mkdir -p root/usr/lib/bpfgate outside && mkfifo outside/pipe.json && ln -s ../../../../outside "
      "root/usr/lib/bpfgate/sigs.d");
  UniqueFd root = open_file(bench / "root", O_PATH | O_DIRECTORY).value();
  CHECK(find_stores(root.get()).value().empty());
  bench.run(
      "rm root/usr/lib/bpfgate/sigs.d && mv outside root/usr/lib/bpfgate/sigs.d && cd root/usr/lib/bpfgate/sigs.d && "
      "ln -s " +
      bench / "good.json" + " link.json && mkdir directory.json");
  bench.write("good.json", sample().dump());
  CHECK(find_stores(root.get()).value().size() == 3);
  for (const char* name : {"pipe", "link", "directory"})
    CHECK_FALSE(load_below(root.get(), "/usr/lib/bpfgate/sigs.d/" + std::string(name) + ".json"));
  bench.run("cp good.json root/usr/lib/bpfgate/sigs.d/");
  CHECK(load_below(root.get(), "/usr/lib/bpfgate/sigs.d/good.json").value().package == "example");
}
