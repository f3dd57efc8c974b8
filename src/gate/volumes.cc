// SPDX-License-Identifier: MIT
#include "gate/volumes.h"

#include <algorithm>

#include "base/io.h"
#include "gate/links.h"
#include "gate/probe.h"
#include "volume/volume.h"

namespace bpfgate::gate {
namespace {

bool is_listed(const manifest::Manifest& manifest, const std::string& root_hash) {
  return std::any_of(manifest.volumes.begin(), manifest.volumes.end(),
                     [&](const manifest::Volume& volume) { return manifest::root_hash_text(volume) == root_hash; });
}

}  // namespace

bool trusts_volumes(const manifest::Manifest& manifest) {
  return !manifest.volumes.empty() || manifest.evidence.signed_volumes;
}

bool is_keyring_open() {
  auto state = read_text_file("/sys/module/dm_verity/parameters/keyring_unsealed", 16);
  return state && state->starts_with('Y');
}

Result<> announce_volumes(const manifest::Manifest& manifest) {
  if (!trusts_volumes(manifest)) return {};
  TRY(volume::announce([&manifest](const volume::Volume& volume) {
    return is_listed(manifest, volume.root_hash) || (manifest.evidence.signed_volumes && volume.is_signed);
  }));
  return {};
}

Result<> check_follows_volumes(const manifest::Manifest& manifest, const std::vector<std::string>& attached) {
  bool follows = std::find(attached.begin(), attached.end(), volume_programs.front()) != attached.end();
  if (follows || !trusts_volumes(manifest)) return {};
  return fail(ErrorKind::Unsupported, "/volumes: the gate was loaded before dm_verity was, and follows no volumes",
              "Take it away and load it again, with the module dm_verity loaded.");
}

}  // namespace bpfgate::gate
