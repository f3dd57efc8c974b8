// SPDX-License-Identifier: MIT
#include "cli/gate_boot.h"

#include <sys/reboot.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <utility>
#include <vector>

#include "base/io.h"
#include "base/root.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/policy_source.h"
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

// A file that is there or not cannot be malformed, unlike the policy whose failure this is about. Where it leads, if it
// is a link, is not asked: an initramfs may be without that. `directory` as of Root::open().
bool asks_to_fail_closed(const fs::path& directory) {
  const Result<Root> root = Root::open(directory);
  const auto asks = [&](const fs::path& layer) { return root->has(layer / "fail-closed"); };
  return !root || std::ranges::any_of(manifest::LayerPaths().directories, asks);
}

bool fails_closed(const BootOptions& options, BootChoice choice) {
  return choice == BootChoice::Enforce || asks_to_fail_closed({}) ||
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
  for (;;) ::pause();
}

// What root has written there is read: nothing of it may end this program, which has a policy of its own.
template <class Read>
auto caught(Read read) -> decltype(read()) {
  try {
    return read();
  } catch (const std::exception& error) {
    return fail(ErrorKind::Failed, std::string("read the policy of the host: ") + error.what());
  }
}

// Whoever opens a pipe waits for its writer, and some devices never answer. The null device masks files.
bool may_wait(const fs::path& file) {
  std::error_code error;
  const fs::file_type type = fs::status(file, error).type();
  if (error || type == fs::file_type::regular || type == fs::file_type::directory) return false;
  return !fs::equivalent(file, "/dev/null", error);
}

Result<> check_can_be_read(const BootOptions& options) {
  const auto layers = manifest::LayerPaths().directories;
  std::vector<fs::path> directories(layers.begin(), layers.end());
  directories.push_back(options.load.places.state);
  for (const fs::path& directory : directories) {
    std::error_code error;
    fs::recursive_directory_iterator it(options.host / directory.relative_path(), error);
    for (; !error && it != fs::recursive_directory_iterator(); it.increment(error))
      if (may_wait(it->path())) return fail(ErrorKind::Refused, it->path().string() + " is no file", "Remove it.");
  }
  return {};
}

// Then there is nothing to say about which of them counts.
bool is_as_host(const manifest::Manifest& embedded, const BootOptions& options) {
  if (!check_can_be_read(options)) return false;
  Result<gate::Order> theirs = caught([&] { return gate::load_order(manifest::LayerPaths{.root = options.host}); });
  return theirs && gate::policy_hash(theirs->manifest) == gate::policy_hash(embedded);
}

void report_instead(const Error& error) {
  std::fprintf(stderr, "bpfgate: the initramfs's policy counts, not that of the host:\n");
  report(error);
}

Result<gate::Order> order_of_host(const manifest::Manifest& embedded, const BootOptions& options) {
  TRY(check_can_be_read(options));
  TRY_ASSIGN(gate::Order theirs, gate::load_order(manifest::LayerPaths{.root = options.host}));
  TRY(gate::check_may_replace(embedded, theirs));
  TRY(gate::check_not_rolled_back(options.host / options.load.places.state.relative_path(), theirs.manifest));
  return theirs;
}

// In an initramfs: a newer one of the host that its own vouches for; and its own, which nothing that is written on the
// host can take out of force, lest there be no gate.
Result<std::vector<gate::Order>> orders_in_initramfs(const BootOptions& options) {
  TRY_ASSIGN(manifest::Layers embedded, manifest::load_layers({}));
  std::vector<gate::Order> orders;
  Result<gate::Order> theirs = caught([&] { return order_of_host(embedded.manifest, options); });
  if (theirs)
    orders.push_back(*std::move(theirs));
  else if (!is_as_host(embedded.manifest, options))
    report_instead(theirs.error());
  orders.push_back({std::move(embedded.manifest), {}});
  return orders;
}

// In the order in which they are to be tried; never empty.
Result<std::vector<gate::Order>> orders_of(const BootOptions& options) {
  if (!options.host.empty()) return orders_in_initramfs(options);
  TRY_ASSIGN(gate::Order order, gate::load_order(manifest::LayerPaths{}));
  return std::vector{std::move(order)};
}

// Where nobody could ever change it again it is not sealed, and whoever is root and gets an administrator's grant can
// change it as he likes.
Result<bool> is_to_be_sealed(const manifest::Manifest& manifest) {
  TRY_ASSIGN(bool is_changeable, gate::has_authority(manifest));
  TRY_ASSIGN(bool is_manageable, gate::has_administrator(manifest));
  return is_changeable && is_manageable && manifest.mode == manifest::Mode::Enforce;
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
  if (Result<> warned = warn_of_doubtful(manifest); !warned) report(warned.error());
  TRY(gate::load(manifest, load));
  std::fprintf(stderr, "bpfgate: %s, sequence %llu, is in force in %s mode%s\n", manifest.name.c_str(),
               static_cast<unsigned long long>(manifest.sequence), mode_name(manifest.mode).c_str(),
               load.sealed ? ", sealed" : "");
  return sealed && !in_initramfs ? seal_by_successor(options) : Result<>();
}

// Which of them it is, it says itself.
Result<> load_first(std::vector<gate::Order>& orders, const BootOptions& options, BootChoice choice) {
  for (gate::Order& order : orders) {
    apply_choice(choice, order.manifest);
    Result<> done = load(order.manifest, options);
    if (done || &order == &orders.back()) return done;
    report_instead(done.error());
  }
  return {};
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
  // It may be one that this program is not for to manage, or does not know any more.
  if (!present) return {gate::is_pinned(options.load.places.pins), std::unexpected(present.error())};
  const bool has_gate = *present && (*present)->missing_hooks.empty();
  Result<std::vector<gate::Order>> orders = orders_of(options);
  if (!orders) return {has_gate, std::unexpected(orders.error())};
  if (!*present) return {false, load_first(*orders, options, choice)};
  apply_choice(choice, orders->front().manifest);
  return {has_gate, go_on_with(**present, orders->front(), options)};
}

// What the host has written is read here: nothing of it may end this program before it has said what is to become of
// the host.
Outcome try_to_load(const BootOptions& options, BootChoice choice) {
  try {
    return load_or_go_on(options, choice);
  } catch (const std::exception& error) {
    return {gate::is_pinned(options.load.places.pins), fail(ErrorKind::Failed, error.what())};
  }
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
  Outcome outcome = try_to_load(options, choice);
  if (outcome.done) return finish(options, true);
  int status = report(outcome.done.error());
  if (!outcome.has_gate && fails_closed(options, choice)) power_off();
  return status;
}

}  // namespace bpfgate::cli
