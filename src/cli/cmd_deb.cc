// SPDX-License-Identifier: MIT
#include <unistd.h>

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

// Where nothing enforces, a loader without evidence is a matter for the log; and where no gate is, for nobody. A gate
// that refuses to answer enforces: so it is with a bpfgate that nobody has signed yet, which apt may be about to
// replace.
Result<Weight> weight_here(const PreflightOptions& options) {
  if (options.always) return Weight::Stop;
  Result<std::optional<gate::Status>> status = gate::status(options.pin_directory);
  if (!status && status.error().kind == ErrorKind::Refused) return Weight::Stop;
  if (!status) return Failure(std::move(status).error());
  if (!*status) return Weight::None;
  return (*status)->mode == manifest::Mode::Enforce ? Weight::Stop : Weight::Warning;
}

Result<deb::AptPlan> plan_of(const PreflightOptions& options) {
  deb::AptPlan plan;
  for (const std::string& archive : options.archives) {
    TRY_ASSIGN(deb::Change change, deb::change_of(archive));
    plan.changes.push_back(std::move(change));
  }
  if (!plan.changes.empty()) return plan;
  TRY_ASSIGN(std::string text, read_text(STDIN_FILENO, max_list_bytes, "standard input"));
  return deb::parse_apt(text);
}

std::string sentence(const deb::Loss& loss) {
  std::string then = loss.then == evidence::Verdict::Library
                         ? "a library only"
                         : "without evidence: " + gate::meaning_of(std::string(evidence::name_of(loss.because)));
  return loss.package + " " + loss.version + " would leave " + printable(loss.path) + ", which is a " +
         std::string(evidence::name_of(loss.now)) + " now, " + then;
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
                    {"reason", evidence::name_of(loss.because)}});
  return list;
}

Result<std::vector<deb::Loss>> find_losses(const deb::AptPlan& plan, const PreflightOptions& options) {
  TRY_ASSIGN(manifest::Layers policy, read_policy(options.policy));
  TRY_ASSIGN(gate::OfflineTrust offline, gate::offline_trust(policy.manifest));
  return deb::losses_by(plan.changes, offline.trust, deb::this_host());
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

// What cannot be found out stops an upgrade where a loss would.
Result<int> run_preflight(const PreflightOptions& options) {
  TRY_ASSIGN(const Weight weight, weight_here(options));
  if (weight == Weight::None) return exit_good;
  bool stops = weight == Weight::Stop;
  auto judge = [&]() -> Result<int> {
    TRY_ASSIGN(const deb::AptPlan plan, plan_of(options));
    if (plan.only_warns) stops = false;
    TRY_ASSIGN(const std::vector<deb::Loss> losses, find_losses(plan, options));
    return show(losses, options);
  };
  Result<int> judged = judge();
  int status = judged ? *judged : report(judged.error());
  return stops ? status : exit_good;
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
