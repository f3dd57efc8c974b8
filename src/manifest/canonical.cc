// SPDX-License-Identifier: MIT
#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "manifest/manifest.h"

namespace bpfgate::manifest {
namespace {

using Json = nlohmann::json;  // keeps its keys sorted

// One grant is written without a list, as before there could be several: signatures of such manifests stay good.
Json names_json(const std::vector<std::string>& names) {
  if (names.size() == 1) return names.front();
  return names;
}

Json signer_json(const Signer& signer) {
  Json json = {{"name", signer.name}, {"role", name_of(signer.role)}, {"certificate", to_hex(signer.certificate)}};
  if (signer.role == Role::Loader) json["grant"] = names_json(signer.grants);
  return json;
}

Json digest_json(const ListedDigest& listed) {
  Json json = {{"kind", name_of(listed.kind)},
               {"role", name_of(listed.role)},
               {"digest", std::string(digest_prefix(listed.kind, listed.algorithm)) + to_hex(listed.digest)}};
  if (listed.role == Role::Loader) json["grant"] = names_json(listed.grants);
  return json;
}

Json volume_loader_json(const VolumeLoader& loader) {
  return {{"path", loader.path}, {"inode", loader.inode}, {"grant", names_json(loader.grants)}};
}

Json revoked_digest_json(const RevokedDigest& revoked) {
  return {{"kind", name_of(revoked.kind)},
          {"digest", std::string(digest_prefix(revoked.kind, revoked.algorithm)) + to_hex(revoked.digest)}};
}

Json revoked_certificate_json(const RevokedCertificate& revoked) {
  return {{"fingerprint", "sha256:" + to_hex(revoked.fingerprint)}};
}

Json set_json(NumberSet set, const Vocabulary& vocabulary) {
  if (set == kAny) return "any";
  return names_in(set, vocabulary);
}

template <class List, class ToJson, class Before>
Json sorted_json(const List& list, ToJson to_json, Before before) {
  List sorted = list;
  std::sort(sorted.begin(), sorted.end(), before);
  Json json = Json::array();
  for (const auto& item : sorted) json.push_back(to_json(item));
  return json;
}

bool by_digest(const auto& a, const auto& b) {
  return std::tie(a.kind, a.algorithm, a.digest) < std::tie(b.kind, b.algorithm, b.digest);
}

Json revoked_json(const Revocations& revoked) {
  auto by_fingerprint = [](const RevokedCertificate& a, const RevokedCertificate& b) {
    return a.fingerprint < b.fingerprint;
  };
  Json json = Json::object();
  if (!revoked.digests.empty())
    json["digests"] = sorted_json(revoked.digests, revoked_digest_json, by_digest<RevokedDigest, RevokedDigest>);
  if (!revoked.certificates.empty())
    json["certificates"] = sorted_json(revoked.certificates, revoked_certificate_json, by_fingerprint);
  return json;
}

template <class List>
Json sorted_list(List list) {
  std::sort(list.begin(), list.end());
  return list;
}

Json volume_json(const Volume& volume) {
  auto by_inode = [](const VolumeLoader& a, const VolumeLoader& b) { return a.inode < b.inode; };
  return {{"name", volume.name},
          {"root_hash", root_hash_text(volume)},
          {"loaders", sorted_json(volume.loaders, volume_loader_json, by_inode)}};
}

Json evidence_json(const EvidenceRules& rules) {
  Json json = Json::object();
  if (rules.ima) json["ima"] = true;
  if (rules.signed_volumes) json["signed_volumes"] = true;
  return json;
}

Json helpers_json(const HelperRule& rule) {
  Json json = Json::object();
  if (rule.read_only) json["class"] = "read-only";
  if (rule.only_listed || rule.allowed.any()) json["allow"] = names_in(rule.allowed);
  if (rule.denied.any()) json["deny"] = names_in(rule.denied);
  if (!rule.allowed_kfuncs.empty()) json["allow_kfuncs"] = rule.allowed_kfuncs;
  if (!rule.denied_kfuncs.empty()) json["deny_kfuncs"] = rule.denied_kfuncs;
  return json;
}

Json targets_json(const AttachTargets& targets) {
  return {{"functions", sorted_list(targets.functions)},
          {"tracepoints", sorted_list(targets.tracepoints)},
          {"lsm_hooks", sorted_list(targets.lsm_hooks)}};
}

Json condition_json(const Condition& when) {
  Json json = Json::object();
  if (!when.uids.empty()) json["uids"] = sorted_list(when.uids);
  if (!when.gids.empty()) json["gids"] = sorted_list(when.gids);
  if (!when.cgroups.empty()) json["cgroups"] = sorted_list(when.cgroups);
  if (when.initial_network) json["network_namespace"] = "initial";
  if (when.initial_users) json["user_namespace"] = "initial";
  return json;
}

Json grant_json(const Grant& grant) {
  Json json = {{"commands", set_json(grant.commands, kCommands)}};
  if (grant.program_types != kAny) json["program_types"] = set_json(grant.program_types, kProgramTypes);
  if (grant.map_types != kAny) json["map_types"] = set_json(grant.map_types, kMapTypes);
  if (grant.attach_types != kAny) json["attach_types"] = set_json(grant.attach_types, kAttachTypes);
  if (!grant.helpers.is_any()) json["helpers"] = helpers_json(grant.helpers);
  if (grant.attach_to) json["attach_to"] = targets_json(*grant.attach_to);
  if (!grant.when.is_none()) json["when"] = condition_json(grant.when);
  if (grant.signed_by) json["signed_by"] = grant.signed_by->empty() ? Json("any") : Json(*grant.signed_by);
  if (grant.debug) json["debug"] = true;
  if (grant.jit) json["jit"] = true;
  return json;
}

Json grants_json(const Manifest& manifest) {
  Json json = Json::object();
  for (const auto& [name, grant] : manifest.grants)
    if (!is_built_in(name)) json[name] = grant_json(grant);
  return json;
}

}  // namespace

std::string canonical_text(const Manifest& manifest) {
  auto by_name = [](const Signer& a, const Signer& b) { return a.name < b.name; };
  Json json = {{"bpfgate", 1},
               {"name", manifest.name},
               {"sequence", manifest.sequence},
               {"mode", name_of(manifest.mode)},
               {"signers", sorted_json(manifest.signers, signer_json, by_name)},
               {"digests", sorted_json(manifest.digests, digest_json, by_digest<ListedDigest, ListedDigest>)},
               {"grants", grants_json(manifest)},
               {"default", {{"grant", names_json(manifest.default_grants)}}}};
  // Left out where there is nothing, as before there could be: signatures of such manifests stay good.
  auto by_volume = [](const Volume& a, const Volume& b) { return a.name < b.name; };
  if (!manifest.volumes.empty()) json["volumes"] = sorted_json(manifest.volumes, volume_json, by_volume);
  if (manifest.evidence != EvidenceRules()) json["evidence"] = evidence_json(manifest.evidence);
  if (Json revoked = revoked_json(manifest.revoked); !revoked.empty()) json["revoked"] = std::move(revoked);
  // As with certificates, what the file is stands where its path was.
  if (manifest.extension) {
    std::string digest = "sha256:" + to_hex(manifest.extension->digest);
    json["extension"] = {{"path", digest}, {"digest", digest}};
  }
  // parse() lets only ASCII names in; `replace` keeps a hand-made Manifest from making dump() throw.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bpfgate::manifest
