// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/gate_boot.h"
#include "cli/gate_status.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "gate/gate.h"
#include "gate/lockout.h"
#include "gate/metrics.h"
#include "gate/notes.h"
#include "manifest/manifest.h"

namespace bpfgate::cli {
namespace {

struct GateOptions {
  PolicySource policy;
  std::string signature;
  gate::LoadOptions load;
  bool force = false;
  bool json = false;
  bool prometheus = false;
};

Result<> show(const gate::Status& status, std::string_view command, bool json) {
  if (json) {
    Json output = json_output(command);
    output.update(json_of(status));
    print_json(output);
  } else {
    print_gate(status);
  }
  return flush_output();
}

// A gate that is there already: good news only if it is exactly the one that was asked for.
Result<int> compare_with_loaded(const gate::Status& status, const manifest::Manifest& manifest) {
  // One that was loaded by halves may have the policy's hash, and audit where that enforces.
  bool is_armed = status.mode == manifest.mode && status.missing_hooks.empty();
  bool same_policy = is_armed && status.policy_hash == gate::policy_hash(manifest);
  std::fprintf(stderr, "bpfgate: a gate is loaded already: %s build, %s policy\n",
               status.same_build ? "the same" : "another", same_policy ? "the same" : "another");
  if (status.same_build && same_policy) return exit_good;
  std::fprintf(
      stderr, "  %s\n",
      status.same_build ? "Change its policy with bpfgate gate update." : "Remove it first with bpfgate gate unload.");
  return exit_refused;
}

Failure refuse_lock_out(const std::vector<gate::LockedOut>& locked_out) {
  std::string message = "enforcing this manifest would lock out";
  for (const gate::LockedOut& process : locked_out) {
    std::string who = process.pid == 0 ? "this program" : "process " + std::to_string(process.pid);
    message += "\n  " + who + " " + printable(process.executable) + ": " + process.reason;
    if (process.bpf_objects != 0) message += ", holds " + std::to_string(process.bpf_objects) + " BPF objects";
  }
  return fail(ErrorKind::Refused, message, "Sign and seal them, or load in audit mode first, or use --force.");
}

Result<> check_lock_out(const manifest::Manifest& manifest, bool force) {
  if (manifest.mode != manifest::Mode::Enforce || force) return {};
  TRY_ASSIGN(std::vector<gate::LockedOut> locked_out, gate::locked_out_by(manifest));
  if (locked_out.empty()) return {};
  return refuse_lock_out(locked_out);
}

// The host's own policy is what is asked for where no manifest is named.
Result<gate::Order> load_order(const GateOptions& options) {
  if (options.policy.file.empty()) return gate::load_order(layers_of(options.policy), options.signature);
  return gate::load_order(std::filesystem::path(options.policy.file), options.signature);
}

Result<int> load(const GateOptions& options) {
  TRY_ASSIGN(manifest::Layers policy, read_policy(options.policy));
  const manifest::Manifest& manifest = policy.manifest;
  TRY_ASSIGN(std::optional<gate::Status> present, gate::status(options.load.places.pins));
  if (present) {
    TRY(show(*present, "gate load", options.json));
    return compare_with_loaded(*present, manifest);
  }
  TRY(check_lock_out(manifest, options.force));
  TRY(warn_of_doubtful(manifest));
  TRY(gate::load(manifest, options.load));
  std::fprintf(stderr, "bpfgate: loaded in %s mode\n", std::string(manifest::name_of(manifest.mode)).c_str());
  if (options.json) {
    Json output = json_output("gate load");
    output["mode"] = manifest::name_of(manifest.mode);
    output["policy_hash"] = gate::policy_hash(manifest);
    print_json(output);
  }
  TRY(flush_output());
  return exit_good;
}

Result<int> update(const GateOptions& options) {
  TRY_ASSIGN(gate::Order order, load_order(options));
  const manifest::Manifest& manifest = order.manifest;
  TRY(check_lock_out(manifest, options.force));
  TRY(warn_of_doubtful(manifest));
  TRY(gate::update(order, options.load.places));
  std::fprintf(stderr, "bpfgate: policy %s, sequence %llu, is in force in %s mode\n", manifest.name.c_str(),
               static_cast<unsigned long long>(manifest.sequence),
               std::string(manifest::name_of(manifest.mode)).c_str());
  if (options.json) {
    Json output = json_output("gate update");
    output["mode"] = manifest::name_of(manifest.mode);
    output["policy_hash"] = gate::policy_hash(manifest);
    print_json(output);
  }
  TRY(flush_output());
  return exit_good;
}

Result<int> print_metrics(const std::optional<gate::Status>& present) {
  std::optional<gate::Reading> reading;
  if (present) reading = gate::reading_of(*present);
  std::fputs(gate::metrics_text(reading).c_str(), stdout);
  TRY(flush_output());
  return reading && reading->complete ? exit_good : exit_refused;
}

Result<int> status(const GateOptions& options) {
  TRY_ASSIGN(std::optional<gate::Status> present, gate::status(options.load.places.pins));
  if (options.prometheus) return print_metrics(present);
  if (present) {
    TRY(show(*present, "gate status", options.json));
    return present->missing_hooks.empty() ? exit_good : exit_refused;
  }
  if (options.json) {
    Json output = json_output("gate status");
    output["loaded"] = false;
    print_json(output);
  } else {
    std::printf("gate      not loaded\n");
  }
  TRY(flush_output());
  return exit_refused;
}

Result<int> seal(const GateOptions& options) {
  TRY_ASSIGN(gate::Order order, load_order(options));
  TRY(check_lock_out(order.manifest, options.force));
  TRY(warn_of_doubtful(order.manifest));
  TRY(gate::seal(order.manifest, options.load.places, options.force));
  std::fprintf(stderr, "bpfgate: sealed: from now on only a signed manifest changes the gate\n");
  if (options.json) print_json(json_output("gate seal"));
  TRY(flush_output());
  return exit_good;
}

Result<int> unload(const GateOptions& options) {
  std::optional<gate::Order> order;
  if (!options.policy.file.empty()) {
    TRY_ASSIGN(order, load_order(options));
  }
  TRY(gate::unload(order, options.load.places));
  if (options.json) print_json(json_output("gate unload"));
  TRY(flush_output());
  return exit_good;
}

Result<int> boot(const GateOptions& options) {
  return boot(BootOptions{.host = options.policy.root, .load = options.load, .json = options.json});
}

using Action = Result<int> (*)(const GateOptions&);

struct GateCommand {
  const char* name;
  const char* summary;
  Action action;
  void (*add_options)(CLI::App& app, GateOptions& options);
};

void add_signature(CLI::App& app, GateOptions& options) {
  app.add_option("--signature", options.signature, "of the manifest (without it: MANIFEST.p7s, where there is one)")
      ->check(refuse_empty)
      ->type_name("FILE");
}

void add_policy(CLI::App& app, GateOptions& options) {
  CLI::Option* file =
      app.add_option("--manifest", options.policy.file, "the policy (without it: the host's own)")->type_name("FILE");
  add_root_option(app, options.policy, file);
}

void add_update_options(CLI::App& app, GateOptions& options) {
  add_policy(app, options);
  app.add_flag("--force", options.force, "enforce even if that locks out running processes, or bpfgate itself");
  add_signature(app, options);
}

void add_load_options(CLI::App& app, GateOptions& options) {
  add_policy(app, options);
  app.add_flag("--force", options.force, "enforce even if that locks out running processes, or bpfgate itself");
  app.add_flag("--verbose", options.load.verbose, "print libbpf's messages and the verifier's log");
  app.add_option("--scratch-slots", options.load.scratch_slots, "signature buffers, 16 KiB each")
      ->check(CLI::Range(1U, 4096U));
  app.add_option("--scratch-steps", options.load.scratch_steps, "tries to claim one before a judgement is put off")
      ->check(CLI::Range(1U, 1U << 23));
}

void add_boot_options(CLI::App& app, GateOptions& options) {
  app.add_option("--host", options.policy.root, "this is an initramfs; the root file system to be is mounted here")
      ->type_name("DIR")
      ->check(CLI::ExistingDirectory);
}

void add_seal_options(CLI::App& app, GateOptions& options) {
  add_policy(app, options);
  app.add_flag("--force", options.force, "even if other processes hold maps or programs of the gate");
}

void add_unload_options(CLI::App& app, GateOptions& options) {
  app.add_option("--manifest", options.policy.file, "of mode \"off\" and signed: what a sealed gate wants")
      ->check(refuse_empty)
      ->type_name("FILE");
  add_signature(app, options);
}

void add_status_options(CLI::App& app, GateOptions& options) {
  app.add_flag("--prometheus", options.prometheus, "print metrics in Prometheus's text format");
}

constexpr GateCommand gate_commands[] = {
    {"load", "load a policy and put the gate into the kernel", load, add_load_options},
    {"boot", "load the host's policy while it boots, as the kernel's command line says", boot, add_boot_options},
    {"update", "replace the policy of the loaded gate", update, add_update_options},
    {"seal", "let nothing but signed manifests change the gate", seal, add_seal_options},
    {"status", "say what is loaded", status, add_status_options},
    {"unload", "take the gate out of the kernel", unload, add_unload_options},
};

void add_command(CLI::App& parent, const GateCommand& command, int& status) {
  CLI::App* app = parent.add_subcommand(command.name, command.summary);
  auto options = std::make_shared<GateOptions>();
  command.add_options(*app, *options);
  add_pin_directory(*app, options->load.places.pins);
  app->add_option("--state-directory", options->load.places.state, "where sequence numbers outlive a boot")
      ->type_name("DIR")
      ->capture_default_str();
  app->add_flag("--json", options->json, "print one JSON object");
  if (CLI::Option* prometheus = app->get_option_no_throw("--prometheus")) prometheus->excludes("--json");
  app->callback([options, &status, action = command.action] {
    Result<int> done = action(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace

void setup_gate(CLI::App& app, int& status) {
  app.require_subcommand(1);
  for (const GateCommand& command : gate_commands) add_command(app, command, status);
}

}  // namespace bpfgate::cli
