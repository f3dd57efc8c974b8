// SPDX-License-Identifier: MIT
#include "cli/draft_json.h"

#include "base/io.h"
#include "cli/output.h"
#include "learn/names.h"

namespace bpfgate::cli {
namespace {

namespace fs = std::filesystem;

constexpr const char* empty_manifest = R"({"bpfgate": 1, "name": "learned", "sequence": 1, "mode": "audit"})";

Json helpers_json(const manifest::HelperRule& rule) {
  if (rule.is_any()) return "any";
  Json json = Json::object();
  if (rule.read_only) json["class"] = "read-only";
  json["allow"] = manifest::names_in(rule.allowed);
  if (!rule.allowed_kfuncs.empty()) json["allow_kfuncs"] = rule.allowed_kfuncs;
  return json;
}

// What learned grants have: sets, and the helpers that are allowed.
Json grant_json(const manifest::Grant& grant) {
  Json json = {{"commands", manifest::names_in(grant.commands, manifest::kCommands)}};
  if (grant.program_types != manifest::kAny)
    json["program_types"] = manifest::names_in(grant.program_types, manifest::kProgramTypes);
  if (grant.map_types != manifest::kAny) json["map_types"] = manifest::names_in(grant.map_types, manifest::kMapTypes);
  if (grant.attach_types != manifest::kAny)
    json["attach_types"] = manifest::names_in(grant.attach_types, manifest::kAttachTypes);
  // Where programs are loaded it is said either way, for whoever reads it.
  if (grant.program_types != manifest::kAny) json["helpers"] = helpers_json(grant.helpers);
  return json;
}

Json grant_names(const learn::Entry& entry) {
  if (entry.base_grants.empty()) return entry.grant.name;
  Json names = entry.base_grants;
  names.push_back(entry.grant.name);
  return names;
}

// By what it is of, not by its letters, which may be of either case.
Json* find_digest(Json& digests, const manifest::Manifest& base, const fsverity::Digest& digest) {
  for (size_t i = 0; i < base.digests.size(); ++i) {
    const manifest::ListedDigest& listed = base.digests[i];
    if (listed.kind == manifest::DigestKind::FsVerity && listed.algorithm == static_cast<uint16_t>(digest.algorithm) &&
        listed.digest == digest.value)
      return &digests[i];
  }
  return nullptr;
}

void add_entry(Json& json, const learn::Entry& entry, const manifest::Manifest& base) {
  if (Json* listed = find_digest(json["digests"], base, entry.digest)) {
    (*listed)["grant"] = grant_names(entry);
  } else {
    json["digests"].push_back({{"kind", "fsverity"},
                               {"digest", fsverity::to_string(entry.digest)},
                               {"grant", grant_names(entry)},
                               {"note", learn::note_of(entry.path)}});
  }
  json["grants"][entry.grant.name] = grant_json(entry.grant);
}

// A relative path is relative to the manifest's own directory, which the draft's need not be.
void name_files(Json& json, const manifest::Manifest& base) {
  for (size_t i = 0; i < base.signers.size(); ++i) json["signers"][i]["certificate"] = base.signers[i].certificate_path;
  if (base.extension) json["extension"]["path"] = base.extension->path;
}

// The certificates have been read already, and what a draft adds names none.
Result<> check(const std::string& text, const fs::path& target, const manifest::Manifest& base) {
  auto content_of = [&](const fs::path& path) -> Result<Bytes> {
    for (const manifest::Signer& signer : base.signers)
      if (signer.certificate_path == path) return signer.certificate;
    return fail(ErrorKind::Failed, path.string() + ": not a certificate of the base");
  };
  TRY(manifest::parse(text, target, content_of));
  return {};
}

}  // namespace

Result<BaseManifest> load_base(const std::optional<fs::path>& path) {
  BaseManifest base;
  if (!path) {
    base.text = empty_manifest;
    TRY_ASSIGN(base.manifest, manifest::parse(base.text, "learned", {}));
    base.manifest.sequence = 0;
    return base;
  }
  TRY_ASSIGN(base.text, read_text_file(*path, manifest::kMaxManifestBytes));
  TRY_ASSIGN(base.manifest, manifest::parse(base.text, *path, [](const fs::path& file) {
               return read_file(file, manifest::kMaxCertificateBytes);
             }));
  return base;
}

Result<std::string> manifest_text(const learn::Draft& draft, const BaseManifest& base, const std::string& name,
                                  const fs::path& target) {
  Json json = Json::parse(base.text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return fail(ErrorKind::Invalid, "the base is no JSON");
  if (!name.empty()) json["name"] = name;
  json["sequence"] = base.manifest.sequence + 1;
  json["mode"] = manifest::name_of(manifest::Mode::Audit);
  name_files(json, base.manifest);
  for (const char* key : {"digests", "grants"})
    if (!json.contains(key)) json[key] = std::string_view(key) == "grants" ? Json::object() : Json::array();
  for (const learn::Entry& entry : draft.entries) add_entry(json, entry, base.manifest);
  std::string text = json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
  TRY(check(text, target, base.manifest));
  return text;
}

}  // namespace bpfgate::cli
