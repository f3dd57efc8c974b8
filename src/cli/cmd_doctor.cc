// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/policy_source.h"
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

struct DoctorOptions {
  PolicySource policy;
  bool json = false;
};

// The policy that was named, or the host's own. A host without one has nothing to look at yet.
void append_policy(const DoctorOptions& options, std::vector<Finding>& findings) {
  auto policy = read_policy(options.policy);
  if (policy && policy->manifest.mode != manifest::Mode::Off) {
    for (Finding& finding : gate::examine_policy(policy->manifest)) findings.push_back(std::move(finding));
  } else if (policy) {
    findings.push_back({"policy", Health::Weak, "an order to take the gate away", "it decides nothing",
                        "Name the policy that is to be enforced: --manifest FILE"});
  } else {
    findings.push_back({"policy", Health::Weak, policy.error().message, "whom it would lock out cannot be told",
                        "Name one with --manifest FILE, or write the host's: bpfgate-manifest(5)."});
  }
}

Result<int> run(const DoctorOptions& options) {
  std::vector<Finding> findings = gate::examine();
  findings.push_back(examine_gate());
  append_policy(options, findings);
  if (options.json) {
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
  auto options = std::make_shared<DoctorOptions>();
  CLI::Option* file =
      app.add_option("--manifest", options->policy.file, "the policy to look at (without it: the host's own)")
          ->check(refuse_empty)
          ->type_name("FILE");
  add_root_option(app, options->policy, file);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
