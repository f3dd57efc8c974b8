// SPDX-License-Identifier: MIT
#include <unistd.h>

#include <cstdio>
#include <memory>

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

// Where nothing enforces, a loader without evidence is a matter for the log; and where no gate is, for nobody.
Result<Weight> weight_here(const PreflightOptions& options) {
  if (options.always) return Weight::Stop;
  TRY_ASSIGN(std::optional<gate::Status> status, gate::status(options.pin_directory));
  if (!status) return Weight::None;
  return status->mode == manifest::Mode::Enforce ? Weight::Stop : Weight::Warning;
}

Result<std::vector<deb::Change>> changes_of(const PreflightOptions& options) {
  std::vector<deb::Change> changes;
  for (const std::string& archive : options.archives) {
    TRY_ASSIGN(deb::Change change, deb::change_of(archive));
    changes.push_back(std::move(change));
  }
  if (!changes.empty()) return changes;
  TRY_ASSIGN(std::string text, read_text_file("/dev/stdin", max_list_bytes));
  return deb::parse_apt(text);
}

std::string sentence(const deb::Loss& loss) {
  return loss.package + " " + loss.version + " would leave " + printable(loss.path) + ", which is a " +
         std::string(evidence::name_of(loss.now)) +
         " now, without evidence: " + gate::meaning_of(std::string(evidence::name_of(loss.because)));
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
                    {"reason", evidence::name_of(loss.because)}});
  return list;
}

Result<std::vector<deb::Loss>> find_losses(const PreflightOptions& options) {
  TRY_ASSIGN(const std::vector<deb::Change> changes, changes_of(options));
  TRY_ASSIGN(manifest::Layers policy, read_policy(options.policy));
  TRY_ASSIGN(gate::OfflineTrust offline, gate::offline_trust(policy.manifest));
  return deb::losses_by(changes, offline.trust, deb::files_by_dpkg());
}

// What cannot be found out stops an upgrade where a loss would.
Result<int> run_preflight(const PreflightOptions& options) {
  TRY_ASSIGN(Weight weight, weight_here(options));
  if (weight == Weight::None) return exit_good;
  auto losses = find_losses(options);
  if (!losses) {
    int status = report(losses.error());
    return weight == Weight::Stop ? status : exit_good;
  }
  if (options.json) {
    print_json_list("deb preflight", "losses", json_of(*losses));
  } else {
    print(*losses);
  }
  TRY(flush_output());
  return weight == Weight::Stop && !losses->empty() ? exit_refused : exit_good;
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
