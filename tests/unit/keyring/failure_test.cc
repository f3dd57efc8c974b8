// SPDX-License-Identifier: MIT
#include "keyring/failure.h"

#include <catch2/catch_test_macros.hpp>

using namespace bpfgate;
using namespace bpfgate::keyring;

TEST_CASE("a full quota says which file to write to") {
  Error error = key_failure("create keyring x", EDQUOT).error();
  CHECK(error.message == "create keyring x: the key quota of this user is used up");
  CHECK(error.remedy.find("/proc/sys/kernel/keys/root_maxbytes") != std::string::npos);
  CHECK(error.code == EDQUOT);
}

TEST_CASE("an errno without a meaning here is what strerror says") {
  Error error = key_failure("read keyring 1", EIO).error();
  CHECK(error.kind == ErrorKind::Failed);
  CHECK(error.message == "read keyring 1: Input/output error");
  CHECK(error.code == EIO);
}

TEST_CASE("the same errno means another thing about a certificate") {
  CHECK(key_failure("x", ENOKEY).error().kind == ErrorKind::Failed);
  CHECK(certificate_failure("x", ENOKEY).error().kind == ErrorKind::Key);
  for (int code : {EBADMSG, EINVAL, ENOPKG, ENOENT, EKEYREJECTED}) {
    Error error = certificate_failure("add certificate c", code).error();
    INFO(error.message);
    CHECK(error.kind == ErrorKind::Key);
    CHECK_FALSE(error.remedy.empty());
    CHECK(error.code == code);
  }
}

TEST_CASE("what is not about the certificate falls through to the general meaning") {
  CHECK(certificate_failure("x", EDQUOT).error().message == key_failure("x", EDQUOT).error().message);
  CHECK(certificate_failure("x", ENODEV).error().kind == ErrorKind::Unsupported);
  CHECK(certificate_failure("x", EACCES).error().kind == ErrorKind::Failed);
}
