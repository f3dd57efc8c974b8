// SPDX-License-Identifier: MIT
// Every reason has a message id of its own, and the man page lists them all.
#include "service/journal.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cctype>
#include <set>

#include "base/io.h"

using namespace bpfgate;

TEST_CASE("every reason has a message id of its own") {
  std::set<std::string> ids;
  for (const std::string& reason : gate::reason_words()) {
    INFO(reason);
    std::string id(service::message_id(reason));
    CHECK(id.size() == 32);
    CHECK(std::all_of(id.begin(), id.end(), [](unsigned char c) { return std::isxdigit(c) != 0; }));
    CHECK(ids.insert(id).second);
  }
}

TEST_CASE("a reason that is not known has none") {
  CHECK(service::message_id("reason 99").empty());
  CHECK(service::message_id("").empty());
}

TEST_CASE("the man page has every message id, beside its reason") {
  std::string page = read_text_file(MAN_PAGE, size_t{1} << 20).value();
  for (const std::string& reason : gate::reason_words()) {
    INFO(reason);
    CHECK(page.find("|  " + reason + "\n:  " + std::string(service::message_id(reason)) + "\n") != std::string::npos);
  }
}
