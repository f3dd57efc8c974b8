// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/io.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "deb/preflight.h"
#include "gate/events.h"
#include "gate/gate.h"
#include "gate/policy.h"

namespace bpfgate::cli {
namespace {

// One line for each package of an upgrade of the whole host, and apt's configuration.
constexpr size_t max_list_bytes = size_t{64} * 1024 * 1024;

struct PreflightOptions {
  PolicySource policy;
  std::filesystem::path pin_directory = gate::default_pin_directory;
  std::vector<std::string> archives;
  bool always = false;
  bool json = false;
};

enum class Weight { None, Warning, Stop };

// Where nothing enforces, a loader without evidence is a matter for the log; and where no gate is, for nobody. One that
// gives no answer may well enforce: so it is with a bpfgate that nobody has signed yet, or that knows the gate of
// another version only, and apt may be about to replace it.
Weight weight_of(const Result<std::optional<gate::Status>>& status, const PreflightOptions& options) {
  if (options.always) return Weight::Stop;
  // Root of a user namespace alone, who changes no host's files: the pins are in a directory that root may enter.
  if (!status && status.error().code == EACCES) return Weight::None;
  if (!status) return Weight::Stop;
  if (!*status) return Weight::None;
  return (*status)->mode == manifest::Mode::Enforce ? Weight::Stop : Weight::Warning;
}

Result<std::vector<deb::Change>> changes_by(const std::vector<std::string>& archives) {
  std::vector<deb::Change> changes;
  for (const std::string& archive : archives) {
    TRY_ASSIGN(deb::Change change, deb::change_of(archive));
    changes.push_back(std::move(change));
  }
  return changes;
}

// Where apt's list asks only to be warned, nothing stops it from then on.
Result<std::vector<deb::Change>> read_changes(const PreflightOptions& options, bool& stops) {
  if (!options.archives.empty()) return changes_by(options.archives);
  TRY_ASSIGN(std::string text, read_text(STDIN_FILENO, max_list_bytes, "standard input"));
  if (deb::asks_only_to_warn(text)) stops = false;
  return deb::parse_apt(text);
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

std::string state_then(const deb::Loss& loss) {
  if (!loss.missing_grants.empty()) return "without the grant " + joined(loss.missing_grants);
  if (loss.then == evidence::Verdict::Library) return "a library only";
  return "without evidence: " + gate::meaning_of(std::string(evidence::name_of(loss.because)));
}

std::string sentence(const deb::Loss& loss) {
  return loss.package + " " + loss.version + " would leave " + printable(loss.path) + ", which is a " +
         std::string(evidence::name_of(loss.now)) + " now, " + state_then(loss);
}

void print(const std::vector<deb::Loss>& losses) {
  for (const deb::Loss& loss : losses) std::fprintf(stderr, "bpfgate: %s\n", sentence(loss).c_str());
  if (losses.empty()) return;
  std::fprintf(stderr,
               "  get packages that are signed for this host, hold these back (apt-mark hold), or have the gate audit "
               "meanwhile\n");
}

Json json_of(const std::vector<deb::Loss>& losses) {
  Json list = Json::array();
  for (const deb::Loss& loss : losses)
    list.push_back({{"package", loss.package},
                    {"version", loss.version},
                    {"path", loss.path},
                    {"verdict", evidence::name_of(loss.now)},
                    {"then", evidence::name_of(loss.then)},
                    {"missing_grants", loss.missing_grants},
                    {"reason", evidence::name_of(loss.because)}});
  return list;
}

// Between a change of the files and the gate's update the host has two policies. The mode alone may be the boot's.
void say_if_not_in_force(manifest::Manifest manifest, const std::optional<gate::Status>& status) {
  if (!status) return;
  manifest.mode = status->mode;
  if (status->policy_hash == gate::policy_hash(manifest)) return;
  std::fprintf(stderr,
               "bpfgate: what follows is by a policy that is not the one in force\n"
               "  have the gate take it (bpfgate gate update), or name the manifest that it has\n");
}

Result<std::vector<deb::Loss>> find_losses(const std::vector<deb::Change>& changes, const PreflightOptions& options,
                                           const std::optional<gate::Status>& status) {
  TRY_ASSIGN(manifest::Layers policy, read_policy(options.policy));
  TRY_ASSIGN(gate::OfflineTrust offline, gate::offline_trust(policy.manifest));
  TRY_ASSIGN(std::vector<deb::Loss> losses, deb::losses_by(changes, offline.trust, deb::this_host()));
  if (!losses.empty()) say_if_not_in_force(policy.manifest, status);
  return losses;
}

Result<int> show(const std::vector<deb::Loss>& losses, const PreflightOptions& options) {
  if (options.json) {
    print_json_list("deb preflight", "losses", json_of(losses));
  } else {
    print(losses);
  }
  TRY(flush_output());
  return losses.empty() ? exit_good : exit_refused;
}

volatile std::sig_atomic_t interrupted = 0;

// Packages are unpacked into directories that go away on the way out, and so that is gone. dpkg-deb, which the terminal
// tells as well, ends at once. A second time it is the end.
void note_signals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { interrupted = signal; };
  action.sa_flags = SA_RESTART | static_cast<int>(SA_RESETHAND);
  for (int signal : {SIGINT, SIGTERM, SIGHUP}) (void)::sigaction(signal, &action, nullptr);
}

// What cannot be found out stops an upgrade where a loss would.
Result<int> run_preflight(const PreflightOptions& options) {
  Result<std::optional<gate::Status>> status = gate::status(options.pin_directory);
  const Weight weight = weight_of(status, options);
  if (weight == Weight::None) return exit_good;
  bool stops = weight == Weight::Stop;
  if (!status && !options.always) (void)report(status.error());
  auto judge = [&]() -> Result<int> {
    TRY_ASSIGN(const std::vector<deb::Change> changes, read_changes(options, stops));
    note_signals();
    TRY_ASSIGN(const std::vector<deb::Loss> losses,
               find_losses(changes, options, status ? *status : std::optional<gate::Status>()));
    return show(losses, options);
  };
  Result<int> judged = judge();
  if (interrupted != 0) return 128 + interrupted;
  int outcome = judged ? *judged : report(judged.error());
  return stops ? outcome : exit_good;
}

void setup_preflight(CLI::App& app, int& status) {
  auto options = std::make_shared<PreflightOptions>();
  app.add_option("archives", options->archives, "packages that are to be installed (default: apt's list on stdin)")
      ->type_name("DEB");
  CLI::Option* file =
      app.add_option("--manifest", options->policy.file, "the policy to judge by; without it the host's");
  file->type_name("FILE");
  add_root_option(app, options->policy, file);
  add_pin_directory(app, options->pin_directory);
  app.add_flag("--always", options->always, "also where no gate enforces anything");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run_preflight(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace

void setup_deb(CLI::App& app, int& status) {
  app.require_subcommand(1);
  setup_preflight(*app.add_subcommand("preflight", "stop an upgrade that would leave the host without its loaders"),
                  status);
}

}  // namespace bpfgate::cli
