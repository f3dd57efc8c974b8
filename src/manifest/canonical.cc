// SPDX-License-Identifier: MIT
#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "manifest/manifest.h"

namespace bpfgate::manifest {
namespace {

using Json = nlohmann::json;  // keeps its keys sorted

Json signer_json(const Signer& signer) {
  Json json = {{"name", signer.name}, {"role", name_of(signer.role)}, {"certificate", to_hex(signer.certificate)}};
  if (signer.role == Role::Loader) json["grant"] = signer.grant;
  return json;
}

std::string_view algorithm_name(uint16_t algorithm) { return algorithm == 2 ? "sha512:" : "sha256:"; }

Json digest_json(const ListedDigest& listed) {
  Json json = {{"kind", "fsverity"},
               {"role", name_of(listed.role)},
               {"digest", std::string(algorithm_name(listed.algorithm)) + to_hex(listed.digest)}};
  if (listed.role == Role::Loader) json["grant"] = listed.grant;
  return json;
}

Json commands_json(CommandSet commands) {
  if (commands == kAnyCommand) return "any";
  Json list = Json::array();
  for (unsigned number = 0; number < 64; ++number)
    if ((commands >> number & 1) != 0) list.push_back(command_name(number));
  return list;
}

template <class List, class ToJson, class Before>
Json sorted_json(const List& list, ToJson to_json, Before before) {
  List sorted = list;
  std::sort(sorted.begin(), sorted.end(), before);
  Json json = Json::array();
  for (const auto& item : sorted) json.push_back(to_json(item));
  return json;
}

Json grant_json(const Grant& grant) {
  Json json = {{"commands", commands_json(grant.commands)}};
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
  auto by_digest = [](const ListedDigest& a, const ListedDigest& b) {
    return std::tie(a.algorithm, a.digest) < std::tie(b.algorithm, b.digest);
  };
  Json json = {{"bpfgate", 1},
               {"name", manifest.name},
               {"sequence", manifest.sequence},
               {"mode", name_of(manifest.mode)},
               {"signers", sorted_json(manifest.signers, signer_json, by_name)},
               {"digests", sorted_json(manifest.digests, digest_json, by_digest)},
               {"grants", grants_json(manifest)},
               {"default", {{"grant", manifest.default_grant}}}};
  // parse() lets only ASCII names in; `replace` keeps a hand-made Manifest from making dump() throw.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace bpfgate::manifest
