// SPDX-License-Identifier: MIT
#include "learn/names.h"

#include <catch2/catch_test_macros.hpp>

#include "manifest/manifest.h"

using namespace bpfgate::learn;

TEST_CASE("a grant is named after its file") {
  std::set<std::string> taken;
  CHECK(grant_name("/usr/bin/bpftrace", taken) == "bpftrace");
  CHECK(grant_name("/opt/bpftrace", taken) == "bpftrace-2");
  CHECK(grant_name("/srv/bpftrace", taken) == "bpftrace-3");
  CHECK(grant_name("/usr/bin/two words\n", taken) == "two-words-");
  CHECK(grant_name("/none", taken) == "none-2");
  CHECK(grant_name("/", taken) == "loader");
}

TEST_CASE("long names stay names, and apart") {
  std::set<std::string> taken;
  std::string path = "/" + std::string(100, 'x');
  std::string first = grant_name(path, taken);
  std::string second = grant_name(path, taken);
  CHECK(first == std::string(63, 'x'));
  CHECK(second == std::string(61, 'x') + "-2");
}

TEST_CASE("a note is what a manifest takes for one") {
  CHECK(note_of("/usr/bin/bpftrace") == "/usr/bin/bpftrace");
  CHECK(note_of("/a\x1b[2J\xff") == "/a?[2J?");
  std::string note = note_of("/" + std::string(300, 'x') + "/end");
  CHECK(note.size() == bpfgate::manifest::kMaxNoteBytes);
  CHECK(note.starts_with("...x"));
  CHECK(note.ends_with("/end"));
}
