// SPDX-License-Identifier: MIT
// What Prometheus would make of the text, by the letter of its exposition format.
#include "gate/metrics.h"

#include <catch2/catch_test_macros.hpp>
#include <regex>
#include <set>
#include <sstream>

using namespace bpfgate;

namespace {

gate::Reading reading() {
  gate::Reading reading;
  reading.complete = true;
  reading.sealed = true;
  reading.mode = manifest::Mode::Enforce;
  reading.sequence = 12;
  reading.generation = UINT64_MAX;
  reading.counters = {1, 2, 3, 4, 5, 6, 7, 8};
  return reading;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

// Every metric has one HELP line, then one TYPE line, then its samples, of which no two have the same labels.
void check_format(const std::string& text) {
  static const std::regex help("# HELP ([a-z_]+) [^\\\\]+");
  static const std::regex type("# TYPE ([a-z_]+) (gauge|counter)");
  static const std::regex sample("([a-z_]+)(\\{[a-z]+=\"([^\"\\\\]|\\\\[\"\\\\n])*\"\\})? [0-9]+");
  REQUIRE(text.ends_with("\n"));
  std::set<std::string> metrics;
  std::set<std::string> samples;
  std::string helped;
  std::string typed;
  for (const std::string& line : lines_of(text)) {
    INFO(line);
    std::smatch match;
    if (std::regex_match(line, match, help)) {
      helped = match[1];
      CHECK(metrics.insert(helped).second);
    } else if (std::regex_match(line, match, type)) {
      typed = match[1];
      CHECK(typed == helped);
      CHECK(typed.starts_with("bpfgate_"));
      CHECK(typed.ends_with("_total") == (match[2] == "counter"));
    } else {
      REQUIRE(std::regex_match(line, match, sample));
      CHECK(match[1] == typed);
      CHECK(samples.insert(match[1].str() + match[2].str()).second);
    }
  }
}

}  // namespace

TEST_CASE("a gate in numbers") {
  std::string text = gate::metrics_text(reading());
  check_format(text);
  for (const char* line :
       {"bpfgate_gate_loaded 1", "bpfgate_gate_complete 1", "bpfgate_gate_sealed 1",
        "bpfgate_gate_mode{mode=\"audit\"} 0", "bpfgate_gate_mode{mode=\"enforce\"} 1", "bpfgate_policy_sequence 12",
        "bpfgate_policy_generation 18446744073709551615", "bpfgate_refused_total 1", "bpfgate_would_refuse_total 2",
        "bpfgate_tainted_total 3", "bpfgate_events_lost_total 4", "bpfgate_signatures_verified_total 5",
        "bpfgate_verdicts_cached_total 6"}) {
    INFO(line);
    CHECK(has_line(text, line));
  }
  CHECK(text.find("bpfgate_events_total") == std::string::npos);
}

TEST_CASE("without a gate there is one number") {
  std::string text = gate::metrics_text(std::nullopt);
  check_format(text);
  CHECK(lines_of(text).size() == 3);
  CHECK(has_line(text, "bpfgate_gate_loaded 0"));
}

TEST_CASE("events are counted by reason") {
  gate::EventCounts events = {{"not-sealed", 3}, {"busy", 0}};
  std::string text = gate::metrics_text(reading(), &events);
  check_format(text);
  CHECK(has_line(text, "bpfgate_events_total{reason=\"not-sealed\"} 3"));
  CHECK(has_line(text, "bpfgate_events_total{reason=\"busy\"} 0"));
}

TEST_CASE("what a label's value must not contain is escaped") {
  gate::EventCounts events = {{"a\"b\\c\nd", 1}};
  std::string text = gate::metrics_text(reading(), &events);
  check_format(text);
  CHECK(has_line(text, R"(bpfgate_events_total{reason="a\"b\\c\nd"} 1)"));
}

TEST_CASE("a status in what is worth watching") {
  gate::Status status;
  status.mode = manifest::Mode::Enforce;
  status.sealed = true;
  status.sequence = 7;
  status.generation = 2;
  status.counters.refused = 9;
  gate::Reading whole = gate::reading_of(status);
  CHECK(whole.complete);
  CHECK(whole.sealed);
  CHECK(whole.mode == manifest::Mode::Enforce);
  CHECK(whole.sequence == 7);
  CHECK(whole.generation == 2);
  CHECK(whole.counters.refused == 9);
  status.missing_hooks = {"gate_exec"};
  CHECK_FALSE(gate::reading_of(status).complete);
}
