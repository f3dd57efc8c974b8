// SPDX-License-Identifier: MIT
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <memory>

#include "cli/cli.h"
#include "cli/output.h"
#include "cli/policy_source.h"
#include "gate/events.h"
#include "gate/explain.h"
#include "gate/gate.h"
#include "manifest/manifest.h"

namespace bpfgate::cli {
namespace {

using gate::Explanation;

struct ExplainOptions {
  std::string subject;
  PolicySource policy;
  std::filesystem::path pin_directory = gate::default_pin_directory;
  bool json = false;
};

// What is watched has a digest; what that is worth, a judgement under the policy in force says.
std::string_view state_of(const gate::Mark& mark) {
  switch (mark.image) {
    case gate::Image::Inherited:
      return "not judged yet";
    case gate::Image::Watched:
      if (mark.verdict == "loader" || mark.verdict == "library") return "proven";
      return mark.is_current && mark.verdict == "no-evidence" ? "unproven" : "not judged yet";
    case gate::Image::Unproven:
      return "unproven";
  }
  return "unproven";
}

// For a running process what the kernel holds counts, and not what its file would be worth.
bool is_loader(const Explanation& explanation) {
  bool by_file = explanation.conclusion.verdict == evidence::Verdict::Loader;
  if (!explanation.mark || explanation.mark->image == gate::Image::Inherited) return by_file;
  bool is_judged = !explanation.mark->is_current || explanation.mark->verdict == "loader";
  return by_file && is_judged && explanation.mark->image == gate::Image::Watched && explanation.mark->taint.empty();
}

Json json_of(const std::vector<manifest::Grant>& grants) {
  Json list = Json::array();
  for (const manifest::Grant& grant : grants)
    list.push_back({{"name", grant.name}, {"allows", manifest::describe(grant)}});
  return list;
}

Json json_of(const gate::Mark& mark) {
  return {{"state", state_of(mark)}, {"verdict", mark.verdict},           {"reason", mark.reason},
          {"taint", mark.taint},     {"pre_existing", mark.pre_existing}, {"current", mark.is_current},
          {"grants", mark.grants}};
}

Json json_of(const volume::Position& position) {
  return {{"root_hash", position.volume.root_hash},
          {"inode", position.inode},
          {"signed", position.volume.is_signed},
          {"checked", position.volume.is_checked}};
}

constexpr const char* why_ima_is_weaker =
    "IMA hashes a file once and does not hold it: whoever writes below the file system, or to a mapped "
    "library, changes proven code; seal it with fs-verity";

bool is_weaker(evidence::Reason reason) {
  return reason == evidence::Reason::ImaSignature || reason == evidence::Reason::ListedImaDigest;
}

Json json_of(const Explanation& explanation) {
  Json json = json_output("explain");
  json["file"] = explanation.file.string();
  json["process"] = nullptr;
  if (explanation.process) json["process"] = *explanation.process;
  json["digest"] = nullptr;
  if (explanation.conclusion.digest) json["digest"] = evidence::to_string(*explanation.conclusion.digest);
  json["volume"] = nullptr;
  if (explanation.conclusion.position) json["volume"] = json_of(*explanation.conclusion.position);
  json["verdict"] = evidence::name_of(explanation.conclusion.verdict);
  json["reason"] = evidence::name_of(explanation.conclusion.reason);
  json["signer"] = nullptr;
  if (!explanation.signer.empty()) json["signer"] = printable(explanation.signer);
  json["why"] = gate::meaning_of(std::string(evidence::name_of(explanation.conclusion.reason)));
  json["rule"] = explanation.conclusion.rule;
  json["grants"] = json_of(explanation.own_grants);
  json["default_grants"] = json_of(explanation.default_grants);
  json["weaker"] = nullptr;
  if (is_weaker(explanation.conclusion.reason)) json["weaker"] = why_ima_is_weaker;
  json["extension"] = nullptr;
  if (!explanation.extension.empty()) json["extension"] = explanation.extension;
  json["mark"] = nullptr;
  if (explanation.mark) json["mark"] = json_of(*explanation.mark);
  json["loader"] = is_loader(explanation);
  return json;
}

void print_grants(const char* title, const std::vector<manifest::Grant>& grants) {
  for (const manifest::Grant& grant : grants) {
    std::printf("%-10s%s\n", title, grant.name.c_str());
    for (const std::string& line : manifest::describe(grant)) std::printf("            %s\n", line.c_str());
  }
}

void print_mark(const gate::Mark& mark) {
  std::printf("mark      %s%s", std::string(state_of(mark)).c_str(), mark.pre_existing ? ", pre-existing" : "");
  std::printf(", %s: %s", mark.verdict.c_str(), mark.reason.c_str());
  if (!mark.taint.empty()) std::printf(", lost: %s", mark.taint.c_str());
  if (!mark.is_current && mark.image == gate::Image::Watched)
    std::printf(", judged under another policy and again at its next call");
  std::printf("\n");
}

void print(const Explanation& explanation) {
  const evidence::Conclusion& conclusion = explanation.conclusion;
  if (explanation.process) std::printf("process   %u\n", *explanation.process);
  std::printf("file      %s\n", printable(explanation.file.native()).c_str());
  if (conclusion.digest) std::printf("digest    %s\n", evidence::to_string(*conclusion.digest).c_str());
  if (!explanation.signer.empty()) std::printf("signature %s\n", printable(explanation.signer).c_str());
  if (conclusion.position) {
    std::printf("volume    %s, inode %llu%s%s\n", conclusion.position->volume.root_hash.c_str(),
                static_cast<unsigned long long>(conclusion.position->inode),
                conclusion.position->volume.is_signed ? ", signed" : "",
                conclusion.position->volume.is_checked ? "" : ", not every block is checked each time");
  }
  std::printf("verdict   %s: %s%s%s\n", std::string(evidence::name_of(conclusion.verdict)).c_str(),
              std::string(evidence::name_of(conclusion.reason)).c_str(), conclusion.rule.empty() ? "" : " of ",
              conclusion.rule.c_str());
  std::printf("why       %s\n", gate::meaning_of(std::string(evidence::name_of(conclusion.reason))).c_str());
  if (explanation.mark) print_mark(*explanation.mark);
  if (is_loader(explanation)) print_grants("grant", explanation.own_grants);
  print_grants("everybody", explanation.default_grants);
  if (is_weaker(conclusion.reason)) std::printf("weaker    %s\n", why_ima_is_weaker);
  if (!explanation.extension.empty())
    std::printf("last word an extension, %s, which may refuse what is allowed here\n", explanation.extension.c_str());
}

Result<Explanation> explain(const ExplainOptions& options, const manifest::Manifest& manifest) {
  bool is_process = options.subject.find_first_not_of("0123456789") == std::string::npos;
  if (!is_process) return gate::explain_file(options.subject, manifest);
  uint32_t process = 0;
  const char* end = options.subject.data() + options.subject.size();
  if (std::from_chars(options.subject.data(), end, process).ec != std::errc())
    return fail(ErrorKind::Usage, options.subject + " is no process id", "a file of that name is ./" + options.subject);
  return gate::explain_process(process, manifest, options.pin_directory);
}

Result<int> run(const ExplainOptions& options) {
  TRY_ASSIGN(manifest::Layers policy, read_policy(options.policy));
  TRY_ASSIGN(Explanation explanation, explain(options, policy.manifest));
  if (options.json) {
    print_json(json_of(explanation));
  } else {
    print(explanation);
  }
  TRY(flush_output());
  return is_loader(explanation) ? exit_good : exit_refused;
}

}  // namespace

void setup_explain(CLI::App& app, int& status) {
  auto options = std::make_shared<ExplainOptions>();
  app.add_option("subject", options->subject, "a process id, or a file (a number is a file as ./NUMBER)")
      ->type_name("PID|FILE")
      ->required();
  CLI::Option* file =
      app.add_option("--manifest", options->policy.file, "the policy to judge by; without it the host's");
  file->type_name("FILE");
  add_root_option(app, options->policy, file);
  add_pin_directory(app, options->pin_directory);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
