// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/gate_status.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "gate/gate.h"
#include "gate/probe.h"

namespace bpfgate::cli {
namespace {

using gate::Capability;

struct StatusOptions {
  std::filesystem::path pin_directory = gate::default_pin_directory;
  bool json = false;
};

Json capability_json(const Capability& capability) {
  return {{"name", capability.name}, {"available", capability.lacks.empty()}, {"lacks", capability.lacks}};
}

void print_as_json(const std::optional<gate::Status>& present, const std::vector<Capability>& kernel) {
  Json output = json_output("status");
  output["loaded"] = false;
  if (present) output.update(json_of(*present));
  output["kernel"] = Json::array();
  for (const Capability& capability : kernel) output["kernel"].push_back(capability_json(capability));
  print_json(output);
}

void print_text(const std::optional<gate::Status>& present, const std::vector<Capability>& kernel) {
  if (present)
    print_gate(*present);
  else
    std::printf("gate      not loaded\n");
  const char* heading = "kernel";
  for (const Capability& capability : kernel) {
    std::string state = capability.lacks.empty() ? "yes" : "no: lacks " + capability.lacks;
    std::printf("%-9s %-31s %s\n", heading, capability.name.c_str(), state.c_str());
    heading = "";
  }
}

Result<int> run(const StatusOptions& options) {
  TRY_ASSIGN(std::optional<gate::Status> present, gate::status(options.pin_directory));
  std::vector<Capability> kernel = gate::capabilities();
  if (options.json)
    print_as_json(present, kernel);
  else
    print_text(present, kernel);
  TRY(flush_output());
  return present && present->missing_hooks.empty() ? exit_good : exit_refused;
}

}  // namespace

void setup_status(CLI::App& app, int& status) {
  auto options = std::make_shared<StatusOptions>();
  add_pin_directory(app, options->pin_directory);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
