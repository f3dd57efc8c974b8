// SPDX-License-Identifier: MIT
// Which files are taken for extensions. What becomes of them in a kernel is for tests/vm.
#include "gate/extension.h"

#include <bpf/libbpf.h>

#include <catch2/catch_test_macros.hpp>
#include <string>

#include "base/io.h"
#include "crypto/crypto.h"

using namespace bpfgate;

namespace {

Result<gate::Extension> open_object(const std::string& name) {
  const std::string path = TEST_OBJECTS "/" + name;
  auto content = read_file(path, size_t{4} << 20);
  REQUIRE(content);
  auto digest = crypto::sha256(*content);
  return gate::Extension::open({path, Bytes(digest.begin(), digest.end())}, false);
}

void check_unfit(const std::string& name, const std::string& why) {
  INFO(name);
  auto opened = open_object(name);
  REQUIRE_FALSE(opened);
  CHECK(opened.error().kind == ErrorKind::Refused);
  CHECK(opened.error().message.find(name) != std::string::npos);
  CHECK(opened.error().message.find(why) != std::string::npos);
  CHECK(opened.error().remedy.find("gate_extension.h") != std::string::npos);
}

}  // namespace

TEST_CASE("an extension is one program with the question of this build") {
  CHECK(open_object("last_word_example.bpf.o"));
  CHECK(open_object("consenting.bpf.o"));
  check_unfit("other_question.bpf.o", "it has no struct gate_question_1");
  check_unfit("bigger_question.bpf.o", "its struct gate_question_1 has another size");
  check_unfit("gate.bpf.o", "it has not one program");
}

TEST_CASE("an extension has the digest that the manifest has") {
  auto changed = gate::Extension::open({TEST_OBJECTS "/last_word_example.bpf.o", Bytes(32, 1)}, false);
  REQUIRE_FALSE(changed);
  CHECK(changed.error().kind == ErrorKind::Refused);
  CHECK(changed.error().message.find("its digest is sha256:") != std::string::npos);
  CHECK_FALSE(gate::Extension::open({TEST_OBJECTS "/absent.o", Bytes(32, 1)}, false));
}
