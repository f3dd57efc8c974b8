// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <set>

#include "base/io.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "gate/policy.h"
#include "manifest/layers.h"
#include "store/apply.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;
using store::Applied;
using store::Outcome;

struct ApplyOptions {
  std::vector<std::string> packages;
  bool all = false;
  fs::path root = "/";
  std::string certificate;
  bool without_seal = false;
  bool json = false;
};

struct Tally {
  int status = exit_good;
  Json entries = Json::array();
};

// A store may outlive what it is about, or come before it: among those of all packages that is nobody's fault.
int status_of(Outcome outcome, const ApplyOptions& options) {
  if (outcome == Outcome::NoSignature) return exit_refused;
  const bool is_in_vain = outcome == Outcome::OtherContent || outcome == Outcome::Untrusted;
  return is_in_vain && !options.all ? exit_refused : exit_good;
}

const char* remedy_for(Outcome outcome) {
  if (outcome == Outcome::Untrusted)
    return "get the package from who signs for this host; or trust its signer, and apply again";
  return outcome == Outcome::OtherContent ? "install the package again, or sign the file that is there"
                                          : "have the store signed: bpfgate store sign";
}

Result<> check_usage(const ApplyOptions& options) {
  if (options.all == options.packages.empty()) return {};
  return fail(ErrorKind::Usage, "either --all or --package", "name the packages whose files are to be signed");
}

// "libfoo" is libfoo:amd64, too: packages of several architectures beside each other have a store each. Packages that
// have none are not mistyped ones: most have none, and hooks name whatever is installed.
bool is_wanted(const std::string& package, const ApplyOptions& options) {
  return options.all || std::ranges::any_of(options.packages, [&](const std::string& name) {
           return package == name || package.starts_with(name + ":");
         });
}

// A store that cannot be read keeps no other from being applied.
Result<std::vector<store::Store>> read_stores(int root, const ApplyOptions& options, Tally& tally) {
  TRY_ASSIGN(auto loaded, store::load_stores(root));
  std::vector<store::Store> stores;
  for (auto& [file, store] : loaded) {
    if (store) {
      stores.push_back(*std::move(store));
      continue;
    }
    int status = report(store.error());
    if (is_wanted(file.stem().string(), options)) tally.status = combine_status(tally.status, status);
  }
  return stores;
}

// Of each path, for whoever looks for what brought its signature.
using Bringers = std::map<std::string, std::vector<std::string>>;

Bringers bringers_in(const std::vector<store::Store>& stores) {
  Bringers bringers;
  for (const store::Store& store : stores)
    for (const store::Entry& entry : store.entries) {
      std::vector<std::string>& names = bringers[entry.path];
      if (names.empty() || names.back() != store.package) names.push_back(store.package);
    }
  return bringers;
}

// Under whichever of its names.
std::vector<std::string> packages_of(const Applied& applied, const Bringers& bringers) {
  std::set<std::string> packages;
  for (const std::string& name : applied.names) packages.insert(bringers.at(name).begin(), bringers.at(name).end());
  return {packages.begin(), packages.end()};
}

void emit(const Applied& applied, const Bringers& bringers, const ApplyOptions& options, Tally& tally) {
  Json entry = {{"packages", packages_of(applied, bringers)}, {"path", applied.path}};
  if (!applied.outcome) {
    tally.status = combine_status(tally.status, report(applied.outcome.error()));
    entry["error"] = json_of(applied.outcome.error());
  } else {
    int status = status_of(*applied.outcome, options);
    std::string name(store::name_of(*applied.outcome));
    entry["outcome"] = name;
    tally.status = combine_status(tally.status, status);
    if (status != exit_good)
      report({ErrorKind::Refused, printable(applied.path) + ": " + name, remedy_for(*applied.outcome), 0});
    else if (!options.json)
      std::printf("%s %s\n", name.c_str(), printable(applied.path).c_str());
  }
  if (options.json) tally.entries.push_back(std::move(entry));
}

// Most hosts have no policy, and signatures are put on files all the same. Where there is one that cannot be read, the
// gate may have it still: what is sealed then in favour of the wrong signature stays so.
Result<std::optional<gate::OfflineTrust>> trust_of_host(const ApplyOptions& options) {
  auto policy = manifest::load_layers({.root = options.root});
  if (!policy && policy.error().kind == ErrorKind::Invalid && policy.error().code == ENOENT) return std::nullopt;
  if (!policy) return std::unexpected(std::move(policy).error().within("nothing is applied"));
  TRY_ASSIGN(gate::OfflineTrust trust, gate::offline_trust(policy->manifest));
  return trust;
}

Result<int> run(const ApplyOptions& options) {
  TRY(check_usage(options));
  TRY_ASSIGN(const UniqueFd root, open_file(options.root, O_PATH | O_DIRECTORY));
  store::Application application{.root = root.get(), .seal = !options.without_seal};
  std::optional<crypto::Certificate> certificate;
  if (!options.certificate.empty()) {
    TRY_ASSIGN(certificate, crypto::Certificate::load(options.certificate));
    application.certificate = &*certificate;
  }
  Tally tally;
  TRY_ASSIGN(const std::vector<store::Store> stores, read_stores(root.get(), options, tally));
  const Bringers bringers = bringers_in(stores);
  TRY_ASSIGN(const std::optional<gate::OfflineTrust> policy, trust_of_host(options));
  if (policy) application.trust = &policy->trust;
  auto wanted = [&](const store::Store& store) { return is_wanted(store.package, options); };
  for (const Applied& applied : store::apply(store::entries_for(root.get(), stores, wanted), application))
    emit(applied, bringers, options, tally);
  if (options.json) print_json_list("apply", "files", std::move(tally.entries));
  TRY(flush_output());
  return tally.status;
}

}  // namespace

void setup_apply(CLI::App& app, int& status) {
  auto options = std::make_shared<ApplyOptions>();
  app.add_option("--package", options->packages, "apply what this package brings; may be given more than once")
      ->type_name("NAME")
      ->check(refuse_empty);
  app.add_flag("--all", options->all, "apply what every package brings");
  app.add_option("--root", options->root, "the host's root directory (default: /)")
      ->type_name("DIR")
      ->check(refuse_empty);
  app.add_option("--cert", options->certificate, "apply only valid signatures by this certificate")
      ->type_name("CERT")
      ->check(refuse_empty);
  app.add_flag("--no-seal", options->without_seal, "put the signatures on the files, and seal none");
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
