// SPDX-License-Identifier: MIT
#include "gate/pinned_gate.h"

#include <bpf/bpf.h>

#include <algorithm>

#include "gate/guard.h"
#include "gate/links.h"

namespace bpfgate::gate {
namespace {

Result<gate_about> read_about(int link) {
  TRY_ASSIGN(UniqueFd map, map_of_link(link, maps::about));
  gate_about about = {};
  uint32_t key = 0;
  if (bpf_map_lookup_elem(map.get(), &key, &about) != 0) return fail_errno("read map about");
  if (about.abi_version != GATE_ABI_VERSION)
    return fail(ErrorKind::Failed,
                "the gate in the kernel has ABI " + std::to_string(about.abi_version) + ", this program knows " +
                    std::to_string(GATE_ABI_VERSION),
                "Use the bpfgate that loaded it.");
  return about;
}

}  // namespace

Result<std::optional<PinnedGate>> PinnedGate::find(const std::filesystem::path& pin_directory) {
  TRY_ASSIGN(std::optional<PinDirectory> pins, PinDirectory::open(find_pins(pin_directory)));
  if (!pins) return std::nullopt;
  TRY_ASSIGN(std::vector<std::string> names, pins->names());
  if (std::ranges::find(names, anchor_program) == names.end())
    return fail(ErrorKind::Failed,
                "what is pinned there is no whole gate: there is no link of " + std::string(anchor_program),
                "Boot again. Where bpfgated runs, it still holds the gate that lost its pins.");
  PinnedGate gate(*std::move(pins));
  TRY(gate.open_maps());
  return gate;
}

Result<PinnedGate> PinnedGate::open(const std::filesystem::path& pin_directory) {
  TRY_ASSIGN(std::optional<PinnedGate> gate, find(pin_directory));
  if (!gate) return fail(ErrorKind::Failed, "no gate is loaded", "Load one with bpfgate gate load --manifest FILE.");
  return *std::move(gate);
}

Result<> PinnedGate::open_maps() {
  TRY_ASSIGN(anchor_, pins_.open_link(anchor_program));
  int link = anchor_.get();
  TRY_ASSIGN(about_, read_about(link));
  TRY_ASSIGN(active_, map_of_link(link, maps::active));
  TRY_ASSIGN(policies_, map_of_link(link, maps::policies));
  TRY_ASSIGN(signers_, map_of_link(link, maps::signers));
  TRY_ASSIGN(grants_, map_of_link(link, maps::grants));
  TRY_ASSIGN(cgroups_, map_of_link(link, maps::cgroups));
  TRY_ASSIGN(functions_, map_of_link(link, maps::functions));
  TRY_ASSIGN(digests_, map_of_link(link, maps::digests));
  TRY_ASSIGN(authorities_, map_of_link(link, maps::authorities));
  TRY_ASSIGN(volume_loaders_, map_of_link(link, maps::volume_loaders));
  TRY_ASSIGN(sealed_, map_of_link(link, maps::sealed));
  TRY_ASSIGN(counters_, map_of_link(link, maps::counters));
  TRY_ASSIGN(guarded_, map_of_link(link, maps::guarded));
  return {};
}

Result<> PinnedGate::lock() { return pins_.lock(); }

Result<Seal> PinnedGate::seal() const { return read_seal(sealed_.get()); }

Result<> PinnedGate::set_seal(uint64_t value) { return write_seal(sealed_.get(), value); }

Result<> PinnedGate::check_access() const {
  TRY(map_of_link(anchor_.get(), maps::sealed));
  return {};
}

Result<> PinnedGate::remove_pins() {
  TRY(pins_.remove());
  anchor_.reset();
  return {};
}

Result<std::vector<std::string>> PinnedGate::attached() const {
  TRY_ASSIGN(std::vector<std::string> names, pins_.names());
  std::vector<std::string> own;
  for (const std::string& name : names) {
    TRY_ASSIGN(UniqueFd link, pins_.open_link(name));
    bpf_link_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_link_get_info_by_fd(link.get(), &info, &size) != 0) return fail_errno("describe link " + name);
    TRY_ASSIGN(bool is_own, is_guarded(guarded_.get(), {GATE_OBJECT_LINK, 0, info.id}));
    if (is_own) own.push_back(name);
  }
  TRY_ASSIGN(std::vector<uint32_t> programs, attached_sysctl(guarded_.get()));
  if (!programs.empty()) own.emplace_back(sysctl_program);
  return own;
}

}  // namespace bpfgate::gate
