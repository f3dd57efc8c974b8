// SPDX-License-Identifier: MIT
#include "manifest/text.h"

#include <array>
#include <catch2/catch_test_macros.hpp>

using namespace bpfgate::manifest;

TEST_CASE("quotations are fit for a terminal") {
  CHECK(in_quotes("plain") == "\"plain\"");
  CHECK(in_quotes("a\"b\\") == R"("a\"b\\")");
  CHECK(in_quotes("\x1b[31m") == R"("\u001b[31m")");
  CHECK(in_quotes("\x7f\x7f") == R"("\u007f\u007f")");
  CHECK(in_quotes("\xc2\x9b") == R"("\u009b")");  // the one-character CSI
  CHECK(in_quotes("\xff") == R"("\ufffd")");
  CHECK(in_quotes(std::string(1000, 'x')) == "\"" + std::string(80, 'x') + "...\"");
}

TEST_CASE("lists read as a sentence") {
  std::array<std::string_view, 3> words = {"a", "b", "c"};
  CHECK(listed(std::span(words).first(0)) == "none");
  CHECK(listed(std::span(words).first(1)) == "a");
  CHECK(listed(std::span(words).first(2)) == "a and b");
  CHECK(listed(words) == "a, b and c");
}

TEST_CASE("closest forgives typing errors, not intentions") {
  std::array<std::string_view, 4> words = {"signers", "digests", "grants", "mode"};
  CHECK(closest("signer", words) == "signers");
  CHECK(closest("Digest", words) == "digests");
  CHECK(closest("gants", words) == "grants");
  CHECK(closest("grants", words) == "grants");
  CHECK(closest("volumes", words).empty());
  CHECK(closest("", words).empty());
  CHECK(closest(std::string(100000, 'x'), words).empty());
}
