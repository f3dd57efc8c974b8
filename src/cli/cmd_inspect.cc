// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>

#include "base/io.h"
#include "cli/batch.h"
#include "cli/cli.h"
#include "cli/output.h"
#include "cli/tree_options.h"
#include "cli/trust_options.h"

namespace bpfgate::cli {
namespace {

using evidence::Conclusion;
using evidence::Reason;
using fsverity::Digest;

struct InspectOptions {
  std::vector<std::string> files;
  TreeOptions tree;
  TrustOptions trust;
  bool json = false;
};

struct Question {
  fsverity::Parameters parameters;
  LoadedTrust loaded;
  std::optional<sign::Sidecar> sidecar;
};

// The evidence a file carries.
struct Evidence {
  bool is_fsverity_supported = false;
  bool is_sealed = false;
  Digest digest;  // as measured, or the one it would have
  std::optional<Bytes> signature;
  std::optional<evidence::DigestKind> claimed_kind;  // what a detached signature is said to be of
  std::string signer;                                // empty when the signature cannot be read
  std::optional<Conclusion> conclusion;              // of the signature over a digest; only where signers were named
};

// A signature by a signer named that is not of the fs-verity digest may be of one of IMA's.
Result<Conclusion> match(int fd, const Evidence& found, const evidence::Trust& trust) {
  Conclusion sealed = evidence::conclude(found.digest, found.signature, trust);
  if (sealed.reason != Reason::SignatureMismatch) return sealed;
  for (ima::Algorithm algorithm : ima::algorithms) {
    TRY_ASSIGN(ima::Digest digest, ima::compute(fd, algorithm));
    Conclusion hashed = evidence::conclude(digest, found.signature, trust);
    if (hashed.reason == Reason::ImaSignature) return hashed;
  }
  return sealed;
}

Result<Evidence> gather(int fd, const Question& question) {
  Evidence found;
  TRY_ASSIGN(found.is_fsverity_supported, fsverity::is_supported(fd));
  TRY_ASSIGN(std::optional<Digest> measured, fsverity::measure(fd));
  found.is_sealed = measured.has_value();
  if (measured) {
    found.digest = std::move(*measured);
  } else {
    TRY_ASSIGN(found.digest, fsverity::compute(fd, question.parameters));
  }
  if (question.sidecar) {
    found.signature = question.sidecar->signature;
    found.claimed_kind = question.sidecar->kind;
  } else {
    TRY_ASSIGN(found.signature, evidence::read_signature(fd));
  }
  if (!found.signature) return found;
  found.signer = crypto::describe_signer(*found.signature).value_or("");
  if (question.loaded.trust.signers.empty()) return found;
  TRY_ASSIGN(found.conclusion, match(fd, found, question.loaded.trust));
  return found;
}

Result<Evidence> inspect_file(const std::string& file, const Question& question) {
  TRY_ASSIGN(UniqueFd fd, open_file(file, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  Result<Evidence> found = gather(fd.get(), question);
  if (!found) return Failure(std::move(found).error().within(file));
  return found;
}

void print_field(const char* name, const std::string& value) { std::printf("  %-13s %s\n", name, value.c_str()); }

std::string size_text(const Bytes& signature) {
  std::string text = std::to_string(signature.size()) + " bytes";
  if (signature.size() > evidence::max_signature_size)
    text += ", more than the " + std::to_string(evidence::max_signature_size) + " the gate reads";
  return text;
}

std::string match_text(const std::optional<Conclusion>& conclusion, bool is_sealed) {
  if (!conclusion) return "unknown; name the signer with --cert";
  if (conclusion->reason == Reason::Signature) return "yes, by " + conclusion->rule;
  if (conclusion->reason == Reason::ImaSignature)
    return "yes, by " + conclusion->rule + ", of the IMA digest " + to_string(*conclusion->digest) +
           (is_sealed ? ", which does not count: the file is sealed" : "");
  return "no: " + std::string(name_of(conclusion->reason));
}

void print_signature(const Evidence& found, const InspectOptions& options) {
  if (!found.signature) return print_field("signature:", "none");
  const std::string source = options.trust.signature.empty() ? evidence::signature_xattr : options.trust.signature;
  const bool claims_ima = found.claimed_kind == evidence::DigestKind::Ima;
  print_field("signature:", source + ", " + size_text(*found.signature) + (claims_ima ? ", for the IMA digest" : ""));
  if (found.signer.empty()) return print_field("signed by:", "unreadable: not a detached PKCS#7 signature");
  print_field("signed by:", found.signer);
  print_field("matches:", match_text(found.conclusion, found.is_sealed));
}

void print(const std::string& file, const Evidence& found, const InspectOptions& options) {
  std::printf("%s\n", file.c_str());
  print_field("fs-verity:", found.is_fsverity_supported ? "supported here" : "not supported or not switched on here");
  print_field("sealed:", found.is_sealed ? "yes" : "no");
  print_field("digest:", to_string(found.digest) + (found.is_sealed ? "" : " once sealed"));
  print_signature(found, options);
}

Json json_of_signature(const Evidence& found, const InspectOptions& options) {
  if (!found.signature) return nullptr;
  const bool is_xattr = options.trust.signature.empty();
  Json value = {{"source", is_xattr ? evidence::signature_xattr : options.trust.signature},
                {"size", found.signature->size()}};
  if (found.claimed_kind) value["claimed_digest_kind"] = name_of(*found.claimed_kind);
  value["signer"] = found.signer.empty() ? Json(nullptr) : Json(found.signer);
  if (!found.conclusion) return value;
  value["matches"] = found.conclusion->verdict != evidence::Verdict::NoEvidence;
  value["reason"] = name_of(found.conclusion->reason);
  value["digest_kind"] = name_of(found.conclusion->digest->kind);
  value["digest"] = to_string(*found.conclusion->digest);
  if (!found.conclusion->rule.empty()) value["trusted_signer"] = found.conclusion->rule;
  return value;
}

Json entry_of(const std::string& file, const Result<Evidence>& found, const InspectOptions& options) {
  if (!found) return {{"path", file}, {"error", json_of(found.error())}};
  return {{"path", file},
          {"fsverity_supported", found->is_fsverity_supported},
          {"sealed", found->is_sealed},
          {"digest", to_string(found->digest)},
          {"signature", json_of_signature(*found, options)}};
}

Result<Question> question_of(const InspectOptions& options) {
  Question question;
  TRY_ASSIGN(question.parameters, parameters_of(options.tree));
  TRY_ASSIGN(question.sidecar, load_signature(options.trust, options.files.size()));
  TRY_ASSIGN(question.loaded, load_trust(options.trust));
  question.loaded.trust.ima = true;  // to find what there is; whether it counts is for verify to say
  return question;
}

Result<int> run(const InspectOptions& options) {
  TRY_ASSIGN(Question question, question_of(options));
  int status = exit_good;
  Json entries = Json::array();
  for (const std::string& file : options.files) {
    Result<Evidence> found = inspect_file(file, question);
    if (!found) status = combine_status(status, report(found.error()));
    if (found && !options.json) print(file, *found, options);
    if (options.json) entries.push_back(entry_of(file, found, options));
  }
  if (options.json) print_json_list("inspect", "files", std::move(entries));
  TRY(flush_output());
  return status;
}

}  // namespace

void setup_inspect(CLI::App& app, int& status) {
  auto options = std::make_shared<InspectOptions>();
  app.add_option("files", options->files, "files to look at")->type_name("FILE")->required();
  add_trust_options(app, options->trust);
  add_tree_options(app, options->tree);
  app.add_flag("--json", options->json, "print one JSON object");
  app.callback([options, &status] {
    Result<int> done = run(*options);
    status = done ? *done : report(done.error());
  });
}

}  // namespace bpfgate::cli
