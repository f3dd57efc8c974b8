// SPDX-License-Identifier: MIT
#include "cli/gate_boot.h"

#include <sys/reboot.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "gate/boot.h"
#include "gate/sequence.h"
#include "gate/signers.h"
#include "manifest/layers.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;
using gate::BootChoice;

constexpr size_t max_command_line = size_t{64} * 1024;
constexpr unsigned seconds_to_read = 5;

std::string mode_name(manifest::Mode mode) { return std::string(manifest::name_of(mode)); }

// What cannot be read asks for nothing: least of all for no gate.
BootChoice choice_of_boot() {
  Result<std::string> text = read_text_file("/proc/cmdline", max_command_line);
  Result<BootChoice> choice = text ? gate::boot_choice(*text) : std::unexpected(text.error());
  if (choice) return *choice;
  report(choice.error());
  return BootChoice::AsPolicy;
}

void apply_choice(BootChoice choice, manifest::Manifest& manifest) {
  if (choice == BootChoice::Audit) manifest.mode = manifest::Mode::Audit;
  if (choice == BootChoice::Enforce) manifest.mode = manifest::Mode::Enforce;
}

// A file that is there or not cannot be malformed, unlike the policy whose failure this is about.
bool asks_to_fail_closed(const fs::path& root) {
  return std::ranges::any_of(manifest::LayerPaths().directories, [&](const fs::path& directory) {
    std::error_code error;
    return fs::exists(root / directory.relative_path() / "fail-closed", error) || error;
  });
}

bool fails_closed(const BootOptions& options, BootChoice choice) {
  return choice == BootChoice::Enforce || asks_to_fail_closed("/") ||
         (!options.host.empty() && asks_to_fail_closed(options.host));
}

// No shell is offered: whoever stands at the console would go on without a gate.
void power_off() {
  std::fprintf(stderr,
               "bpfgate: this host does not run without its gate: it is powered off in %u seconds\n"
               "  To go on without one, boot with bpfgate=off on the kernel's command line.\n",
               seconds_to_read);
  ::sleep(seconds_to_read);
  ::sync();
  ::reboot(RB_POWER_OFF);
  std::perror("bpfgate: power off");
}

// In an initramfs: its own policy, or a newer one of the host that it vouches for.
Result<gate::Order> order_in_initramfs(const fs::path& host) {
  TRY_ASSIGN(manifest::Layers embedded, manifest::load_layers({}));
  Result<gate::Order> theirs = gate::load_order(manifest::LayerPaths{.root = host});
  Result<> allowed = theirs ? gate::check_may_replace(embedded.manifest, *theirs) : std::unexpected(theirs.error());
  if (allowed) return theirs;
  if (!theirs || gate::policy_hash(theirs->manifest) != gate::policy_hash(embedded.manifest)) {
    std::fprintf(stderr, "bpfgate: the initramfs's policy counts, not that of the host:\n");
    report(allowed.error());
  }
  return gate::Order{std::move(embedded.manifest), {}};
}

Result<gate::Order> order_of(const BootOptions& options) {
  return options.host.empty() ? gate::load_order(manifest::LayerPaths{}) : order_in_initramfs(options.host);
}

// Where nobody could ever change it again it is not sealed, and whoever is root and gets an administrator's grant can
// change it as he likes.
Result<bool> is_to_be_sealed(const manifest::Manifest& manifest) {
  TRY_ASSIGN(bool is_changeable, gate::has_authority(manifest));
  return is_changeable && manifest.mode == manifest::Mode::Enforce;
}

// What was executed before there was a gate cannot manage a sealed one. This program, once more, can.
Result<> seal_by_successor(const BootOptions& options) {
  std::string pins = options.load.places.pins, state = options.load.places.state;
  const char* words[] = {"bpfgate",     "gate",
                         "boot",        "--pin-directory",
                         pins.c_str(),  "--state-directory",
                         state.c_str(), options.json ? "--json" : nullptr,
                         nullptr};
  ::execv("/proc/self/exe", const_cast<char* const*>(words));
  return fail_errno("execute bpfgate once more, to seal the gate");
}

Result<> load(const manifest::Manifest& manifest, const BootOptions& options) {
  const bool in_initramfs = !options.host.empty();
  gate::LoadOptions load = options.load;
  TRY_ASSIGN(bool sealed, is_to_be_sealed(manifest));
  load.sealed = in_initramfs && sealed;
  load.new_root = options.host;
  if (in_initramfs) TRY(gate::mount_missing());
  TRY(gate::load(manifest, load));
  std::fprintf(stderr, "bpfgate: %s, sequence %llu, is in force in %s mode%s\n", manifest.name.c_str(),
               static_cast<unsigned long long>(manifest.sequence), mode_name(manifest.mode).c_str(),
               load.sealed ? ", sealed" : "");
  return sealed && !in_initramfs ? seal_by_successor(options) : Result<>();
}

// One that is there already. Whether it takes another policy is for the gate to say.
Result<> go_on_with(const gate::Status& present, const gate::Order& order, const BootOptions& options) {
  const gate::Places& places = options.load.places;
  const manifest::Manifest& manifest = order.manifest;
  if (!present.missing_hooks.empty())
    return fail(ErrorKind::Failed, "the gate is incomplete: " + present.missing_hooks.front() + " is not attached",
                "Boot again.");
  TRY_ASSIGN(bool sealed, is_to_be_sealed(manifest));
  if (present.policy_hash != gate::policy_hash(manifest)) TRY(gate::update(order, places));
  if (sealed && !present.sealed) TRY(gate::seal(manifest, places, false));
  // An initramfs can write nowhere that lasts.
  if (present.sealed) TRY(gate::record_sequence(places.state, manifest));
  std::fprintf(stderr, "bpfgate: the policy of this host is in force\n");
  return {};
}

struct Outcome {
  bool has_gate = false;
  Result<> done;
};

Outcome load_or_go_on(const BootOptions& options, BootChoice choice) {
  Result<std::optional<gate::Status>> present = gate::status(options.load.places.pins);
  // Refused: it is there, and this program is not for it to manage.
  if (!present) return {present.error().kind == ErrorKind::Refused, std::unexpected(present.error())};
  Result<gate::Order> order = order_of(options);
  if (!order) return {present->has_value(), std::unexpected(order.error())};
  apply_choice(choice, order->manifest);
  if (*present) return {true, go_on_with(**present, *order, options)};
  return {false, load(order->manifest, options)};
}

Result<int> finish(const BootOptions& options, bool loaded) {
  if (!options.json) return exit_good;
  Json output = json_output("gate boot");
  output["loaded"] = loaded;
  print_json(output);
  TRY(flush_output());
  return exit_good;
}

}  // namespace

Result<int> boot(const BootOptions& options) {
  BootChoice choice = choice_of_boot();
  if (choice == BootChoice::Off) {
    std::fprintf(stderr, "bpfgate: bpfgate=off on the kernel's command line: no gate is loaded\n");
    return finish(options, false);
  }
  Outcome outcome = load_or_go_on(options, choice);
  if (outcome.done) return finish(options, true);
  int status = report(outcome.done.error());
  if (!outcome.has_gate && fails_closed(options, choice)) power_off();
  return status;
}

}  // namespace bpfgate::cli
