// SPDX-License-Identifier: MIT
#include "base/bytes.h"

#include <catch2/catch_test_macros.hpp>

using namespace bpfgate;

TEST_CASE("hexadecimal is written in lower case, two digits per byte") {
  CHECK(to_hex(Bytes{}).empty());
  CHECK(to_hex(Bytes{0x00, 0x0f, 0xa5, 0xff}) == "000fa5ff");
}

TEST_CASE("hexadecimal is read in either case") {
  CHECK(from_hex("").value().empty());
  CHECK(from_hex("000fA5Ff").value() == Bytes{0x00, 0x0f, 0xa5, 0xff});
}

TEST_CASE("every byte survives a round trip") {
  Bytes bytes;
  for (int i = 0; i < 256; ++i) bytes.push_back(static_cast<uint8_t>(i));
  CHECK(from_hex(to_hex(bytes)).value() == bytes);
}

TEST_CASE("what is not pairs of hexadecimal digits is refused") {
  for (const char* text : {"0", "abc", "0g", "g0", " 00", "00 ", "0x00", "+1", "-1", "::", "@@", "``", "//"}) {
    INFO(text);
    Result<Bytes> bytes = from_hex(text);
    REQUIRE_FALSE(bytes);
    CHECK(bytes.error().kind == ErrorKind::Invalid);
  }
  CHECK(from_hex("00zz").error().message.find("position 2") != std::string::npos);
}

TEST_CASE("a NUL inside the text is not its end") {
  CHECK_FALSE(
      from_hex(std::string_view("00\0"
                                "0",
                                4)));
}

TEST_CASE("text for a terminal has printable ASCII only") {
  CHECK(printable("/usr/bin/a b~") == "/usr/bin/a b~");
  CHECK(printable("\x1b[31m\n") == "\\x1b[31m\\x0a");
  CHECK(printable("\xc3\xa4\x7f") == "\\xc3\\xa4\\x7f");
  CHECK(printable("").empty());
}

TEST_CASE("a word for a shell is quoted where it must be, and printable") {
  CHECK(shell_word("/usr/bin/bpftool-7.2_x") == "/usr/bin/bpftool-7.2_x");
  CHECK(shell_word("") == "''");
  CHECK(shell_word("two words") == "'two words'");
  CHECK(shell_word("$(reboot);`x`\\") == "'$(reboot);`x`\\'");
  CHECK(shell_word("it's") == "'it'\\''s'");
  CHECK(shell_word("~") == "'~'");
  CHECK(shell_word("\x1b[2J") == "$'\\x1b[2J'");
  CHECK(shell_word("it's\n\\") == "$'it\\'s\\x0a\\\\'");
}
