// SPDX-License-Identifier: MIT
#include "gate/metrics.h"

namespace bpfgate::gate {
namespace {

struct Metric {
  const char* name;
  const char* type;
  const char* help;
  uint64_t (*value)(const Reading& reading);
};

constexpr Metric metrics[] = {
    {"bpfgate_gate_complete", "gauge", "Whether every program that belongs to the gate is attached and pinned.",
     [](const Reading& reading) -> uint64_t { return reading.complete; }},
    {"bpfgate_gate_sealed", "gauge", "Whether only signed manifests change the gate.",
     [](const Reading& reading) -> uint64_t { return reading.sealed; }},
    {"bpfgate_policy_sequence", "gauge", "Sequence number of the manifest in force.",
     [](const Reading& reading) { return reading.sequence; }},
    {"bpfgate_policy_generation", "gauge", "Policies this gate has had since it was loaded, this one included.",
     [](const Reading& reading) { return reading.generation; }},
    {"bpfgate_refused_total", "counter", "Calls and accesses that were refused.",
     [](const Reading& reading) { return reading.counters.refused; }},
    {"bpfgate_would_refuse_total", "counter", "What was let through in audit mode and would be refused.",
     [](const Reading& reading) { return reading.counters.would_refuse; }},
    {"bpfgate_tainted_total", "counter", "Processes that lost their mark to unproven code.",
     [](const Reading& reading) { return reading.counters.tainted; }},
    {"bpfgate_events_lost_total", "counter", "Events for which the ring buffer had no room.",
     [](const Reading& reading) { return reading.counters.lost_events; }},
    {"bpfgate_signatures_verified_total", "counter", "Signatures the kernel was asked to verify.",
     [](const Reading& reading) { return reading.counters.verified; }},
    {"bpfgate_verdicts_cached_total", "counter", "Judgements that found a verdict on the inode.",
     [](const Reading& reading) { return reading.counters.cached; }},
};

// Of a label's value, between its quotes.
std::string escaped(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c == '\\' || c == '"') result += '\\';
    result += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return result;
}

std::string head(const char* name, const char* type, const char* help) {
  return std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

std::string sample(const char* name, uint64_t value) { return std::string(name) + " " + std::to_string(value) + "\n"; }

std::string sample(const char* name, const char* label, const std::string& text, uint64_t value) {
  return std::string(name) + "{" + label + "=\"" + escaped(text) + "\"} " + std::to_string(value) + "\n";
}

// One sample for each mode, so that a change shows as a number.
std::string mode_text(manifest::Mode current) {
  std::string text = head("bpfgate_gate_mode", "gauge", "1 for the mode the gate is in, 0 for the other.");
  for (manifest::Mode mode : {manifest::Mode::Audit, manifest::Mode::Enforce})
    text += sample("bpfgate_gate_mode", "mode", std::string(manifest::name_of(mode)), mode == current ? 1 : 0);
  return text;
}

std::string events_text(const EventCounts& events) {
  std::string text = head("bpfgate_events_total", "counter", "Events by reason, since the service was started.");
  for (const auto& [reason, count] : events) text += sample("bpfgate_events_total", "reason", reason, count);
  return text;
}

}  // namespace

Reading reading_of(const Status& status) {
  return {
      status.missing_hooks.empty(), status.sealed, status.mode, status.sequence, status.generation, status.counters};
}

std::string metrics_text(const std::optional<Reading>& reading, const EventCounts* events) {
  std::string text = head("bpfgate_gate_loaded", "gauge", "Whether there is a gate in the kernel.");
  text += sample("bpfgate_gate_loaded", reading ? 1 : 0);
  if (!reading) return text;
  text += mode_text(reading->mode);
  for (const Metric& metric : metrics)
    text += head(metric.name, metric.type, metric.help) + sample(metric.name, metric.value(*reading));
  if (events != nullptr) text += events_text(*events);
  return text;
}

}  // namespace bpfgate::gate
