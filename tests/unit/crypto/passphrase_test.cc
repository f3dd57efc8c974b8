// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <catch2/catch_test_macros.hpp>

#include "base/unique_fd.h"
#include "crypto/crypto.h"
#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::crypto;
using test::TemporaryDirectory;

TEST_CASE("a pass phrase is the first line of a file, without its end") {
  TemporaryDirectory directory;
  CHECK(passphrase_from_file(directory.file("unix", "secret word\nmore\n"))().value() == "secret word");
  CHECK(passphrase_from_file(directory.file("dos", "secret\r\n"))().value() == "secret");
  CHECK(passphrase_from_file(directory.file("bare", "secret"))().value() == "secret");
}

TEST_CASE("a file without a pass phrase is a key error that names it") {
  TemporaryDirectory directory;
  for (const std::string& path :
       {directory.file("empty", "").string(), directory.file("blank", "\nsecret\n").string(),
        directory.file("long", std::string(2000, 'x')).string(), (directory.path() / "missing").string()}) {
    Result<std::string> passphrase = passphrase_from_file(path)();
    REQUIRE_FALSE(passphrase);
    CHECK(passphrase.error().kind == ErrorKind::Key);
    CHECK(passphrase.error().message.find(path) != std::string::npos);
  }
}

TEST_CASE("a descriptor gives one line each time it is asked") {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  REQUIRE(::write(writer.get(), "first\nsecond\n", 13) == 13);
  writer.reset();
  PassphraseSource source = passphrase_from_fd(reader.get());
  CHECK(source().value() == "first");
  CHECK(source().value() == "second");
  CHECK(source().error().kind == ErrorKind::Key);
  CHECK(passphrase_from_fd(9999)().error().kind == ErrorKind::Key);
}
