// SPDX-License-Identifier: MIT
#include "deb/apt.h"

#include <catch2/catch_test_macros.hpp>

using namespace bpfgate;
using namespace bpfgate::deb;

namespace {

const std::string head = "VERSION 3\nAPT::Architecture=amd64\nDPkg::Tools::options::bpfgate::Version=3\n\n";

}  // namespace

TEST_CASE("of apt's list what is unpacked or removed counts, with what goes for it") {
  auto changes = parse_apt(head +
                           "bpftool 7.1 amd64 none < 7.5 amd64 none /var/cache/apt/archives/bpftool_7.5_amd64.deb\n"
                           "data - - none < 1.0 all foreign /var/cache/apt/archives/a b.deb\n"
                           "was-all 1.0 all none < 2.0 amd64 none /x.deb\n"
                           "now-all 1.0 amd64 none < 2.0 all none /y.deb\n"
                           "old 1.0 amd64 same > - - none **REMOVE**\n"
                           "new 1.0 amd64 none = 1.0 amd64 none **CONFIGURE**\n");
  REQUIRE(changes);
  CHECK(*changes ==
        std::vector<Change>{{"bpftool:amd64", "7.5", "/var/cache/apt/archives/bpftool_7.5_amd64.deb", "bpftool:amd64"},
                            {"data", "1.0", "/var/cache/apt/archives/a b.deb", ""},
                            {"was-all:amd64", "2.0", "/x.deb", "was-all"},
                            {"now-all", "2.0", "/y.deb", "now-all:amd64"},
                            {"old:amd64", "", "", "old:amd64"}});
  CHECK(parse_apt(head).value().empty());
}

TEST_CASE("apt's option makes it a warning") {
  CHECK(asks_only_to_warn("VERSION 3\nBpfgate::Preflight=warn\n\n"));
  CHECK_FALSE(asks_only_to_warn("VERSION 3\nBpfgate::Preflight=off\n\n"));
  CHECK_FALSE(asks_only_to_warn("VERSION 3\n\nBpfgate::Preflight=warn\n"));
  // It is asked where the rest cannot be read, too.
  CHECK(asks_only_to_warn("VERSION 4\nBpfgate::Preflight=warn\n\nnothing known\n"));
}

TEST_CASE("another protocol is refused, and so is half a line") {
  for (const std::string& text :
       {std::string(), std::string("VERSION 2\n\n"), std::string("/var/cache/apt/archives/x.deb\n"),
        head + "bpftool 7.1\n", head + "bpftool 7.1 amd64 none < 7.5 amd64 none\n",
        head + "bpftool 7.1 amd64 none < 7.5 amd64 none \n",
        head + "bpftool 7.1 amd64 none < 7.5 amd64 none **ERROR**\n",
        head + "bpftool 7.1 amd64 none < 7.5 amd64 none **LATER**\n",
        head + "bpftool 7.1 amd64 none < 7.5 amd64 none bpftool.deb\n"}) {
    INFO(text);
    auto changes = parse_apt(text);
    REQUIRE_FALSE(changes);
    CHECK(changes.error().kind == ErrorKind::Invalid);
    CHECK_FALSE(changes.error().remedy.empty());
  }
}
