// SPDX-License-Identifier: MIT
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/output.h"
#include "gate/doctor.h"
#include "gate/gate.h"

namespace bpfgate::cli {
namespace {

using gate::Finding;
using gate::Health;

const char* word_of(Health health) {
  switch (health) {
    case Health::Good:
      return "good";
    case Health::Weak:
      return "weak";
    case Health::Missing:
      break;
  }
  return "missing";
}

// The gate itself, as far as it lets this program look.
Finding examine_gate() {
  auto status = gate::status(gate::default_pin_directory);
  if (!status) return {"gate", Health::Weak, status.error().message, "its state cannot be told", status.error().remedy};
  if (!*status)
    return {"gate", Health::Weak, "not loaded", "nothing is refused", "Load it: bpfgate gate load --manifest FILE"};
  std::string state =
      std::string(manifest::name_of((*status)->mode)) + ((*status)->sealed ? ", sealed" : ", not sealed");
  if (!(*status)->missing_hooks.empty())
    return {"gate", Health::Weak, state + ", incomplete", "some of its hooks are not attached",
            "Take it away and load it again."};
  if ((*status)->mode != manifest::Mode::Enforce)
    return {"gate", Health::Weak, state, "it reports and refuses nothing",
            "Update it to a manifest of mode \"enforce\"."};
  if (!(*status)->sealed)
    return {"gate", Health::Weak, state, "whoever runs bpfgate changes its policy",
            "Seal it: bpfgate gate seal --manifest FILE"};
  return {"gate", Health::Good, state, "", ""};
}

void print_finding(const Finding& finding) {
  std::printf("%-8s %-36s %s\n", word_of(finding.health), finding.what.c_str(), finding.state.c_str());
  if (finding.health == Health::Good) return;
  std::printf("         %s\n", finding.why.c_str());
  if (!finding.remedy.empty()) std::printf("         %s\n", finding.remedy.c_str());
}

Json json_of(const Finding& finding) {
  return {{"what", finding.what},
          {"health", word_of(finding.health)},
          {"state", finding.state},
          {"why", finding.why},
          {"remedy", finding.remedy}};
}

int exit_status_for(const std::vector<Finding>& findings) {
  auto is = [&](Health health) {
    return std::any_of(findings.begin(), findings.end(), [=](const Finding& f) { return f.health == health; });
  };
  if (is(Health::Missing)) return exit_unsupported;
  return is(Health::Weak) ? exit_refused : exit_good;
}

Result<int> run(bool json) {
  std::vector<Finding> findings = gate::examine();
  findings.push_back(examine_gate());
  if (json) {
    Json list = Json::array();
    for (const Finding& finding : findings) list.push_back(json_of(finding));
    print_json_list("doctor", "findings", std::move(list));
  } else {
    for (const Finding& finding : findings) print_finding(finding);
  }
  TRY(flush_output());
  return exit_status_for(findings);
}

}  // namespace

void setup_doctor(CLI::App& app, int& status) {
  auto json = std::make_shared<bool>(false);
  app.add_flag("--json", *json, "print one JSON object");
  app.callback([json, &status] {
    Result<int> done = run(*json);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
