// SPDX-License-Identifier: MIT
#include "crypto/base64.h"

#include <catch2/catch_test_macros.hpp>

#include "peers.h"

using namespace bpfgate;
using namespace bpfgate::crypto;

TEST_CASE("base64 is that of base64(1), both ways") {
  test::Bench bench;
  for (size_t size = 0; size < 70; ++size) {
    std::string content;
    for (size_t i = 0; i < size; ++i) content += static_cast<char>(i * 37 + 200);
    bench.write("content", content);
    std::string theirs = bench.run("base64 -w 0 content");
    CHECK(to_base64(as_bytes(content)) == theirs);
    auto back = from_base64(theirs);
    REQUIRE(back);
    CHECK(*back == Bytes(content.begin(), content.end()));
  }
}

TEST_CASE("what is not base64, or another spelling of it, is refused") {
  for (const char* text : {"A", "AA", "AAA", "A===", "====", "AA=A", "A*==", "AA==AA==", "AAAA\n", "\nAAAA", " AAA",
                           "AB==", "AAB=", "AA-_"}) {
    INFO(text);
    CHECK(from_base64(text).error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("lines may be broken where that is said, and nothing else is different") {
  test::Bench bench;
  std::string content(200, '\xf0');
  bench.write("content", content);
  for (const char* command : {"base64 content", "base64 -w 7 content", "base64 content | sed 's/$/\\r/'"}) {
    auto back = from_wrapped_base64(bench.run(command));
    REQUIRE(back);
    CHECK(*back == Bytes(content.begin(), content.end()));
  }
  CHECK(from_wrapped_base64("\n").value().empty());
  for (const char* text : {"AA\nA", "AA AA", "AB==\n", "AA==\nAA=="}) CHECK_FALSE(from_wrapped_base64(text));
}
