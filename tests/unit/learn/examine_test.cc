// SPDX-License-Identifier: MIT
// What a machine without fs-verity can show; tests/vm/gate/learn.sh has sealed files.
#include "learn/examine.h"

#include <catch2/catch_test_macros.hpp>

#include "temporary_directory.h"

using namespace bpfgate;
using namespace bpfgate::learn;

TEST_CASE("files are judged as they are now") {
  bpfgate::test::TemporaryDirectory directory;
  CHECK(examine((directory.path() / "absent").string(), {}).state == FileState::Gone);
  CHECK(examine(directory.file("plain", "content").string(), {}).state == FileState::NotSealed);
  CHECK(examine(directory.file("script", "#!/bin/sh\n").string(), {}).state == FileState::Interpreter);
  CHECK(examine(directory.path().string(), {}).state == FileState::Unreadable);
  CHECK(examine((directory.path() / "plain" / "below").string(), {}).state == FileState::Gone);
}

TEST_CASE("what is no name from the root is not looked for") { CHECK(examine("src", {}).state == FileState::Gone); }

TEST_CASE("what is revoked is not merely sealed") {
  const fsverity::Digest digest{fsverity::Algorithm::Sha256, Bytes(32, 7)};
  auto state = [&](evidence::Verdict verdict, evidence::Reason reason) {
    return state_of({.verdict = verdict, .reason = reason, .rule = {}, .grants = {}, .digest = {}, .position = {}},
                    digest);
  };
  CHECK(state(evidence::Verdict::NoEvidence, evidence::Reason::Revoked) == FileState::Revoked);
  CHECK(state(evidence::Verdict::NoEvidence, evidence::Reason::NoSignature) == FileState::Sealed);
  CHECK(state(evidence::Verdict::Library, evidence::Reason::Signature) == FileState::Library);
  CHECK(state_of({}, std::nullopt) == FileState::NotSealed);
}
