// SPDX-License-Identifier: MIT
// A loaded gate, opened by one of its links: all of its maps, and not by path, so that root cannot put together a gate
// of which one map is the real one's and another its own. Not for other rooms.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "gate/bank.h"
#include "gate/gate.h"
#include "gate/pins.h"
#include "gate_abi.h"

namespace bpfgate::gate {

class PinnedGate {
 public:
  // nullopt: no gate is pinned there. A caller the gate refuses gets ErrorKind::Refused, and a gate of another ABI is
  // ErrorKind::Failed.
  static Result<std::optional<PinnedGate>> find(const std::filesystem::path& pin_directory);
  // The same, where there must be one.
  static Result<PinnedGate> open(const std::filesystem::path& pin_directory);

  [[nodiscard]] PolicyMaps policy_maps() const {
    return {active_.get(),    policies_.get(), signers_.get(),     grants_.get(),        cgroups_.get(),
            functions_.get(), digests_.get(),  authorities_.get(), volume_loaders_.get()};
  }
  [[nodiscard]] const gate_about& about() const { return about_; }
  [[nodiscard]] int counters() const { return counters_.get(); }
  [[nodiscard]] int guarded() const { return guarded_.get(); }
  [[nodiscard]] const PinDirectory& pins() const { return pins_; }

  // Keeps other programs of this kind out, whatever they call the directory and whatever they see mounted: the lock is
  // on the inode that all BPF descriptors of the host share.
  Result<> lock();

  [[nodiscard]] Result<Seal> seal() const;
  Result<> set_seal(uint64_t value);
  // Whether the gate still lets this program open what is for administrators.
  [[nodiscard]] Result<> check_access() const;
  // Removes the pins, and lets go of the link that this holds itself. The maps stay open.
  Result<> remove_pins();
  // The attached programs, by name: pins count if their links are the gate's.
  [[nodiscard]] Result<std::vector<std::string>> attached() const;

 private:
  explicit PinnedGate(PinDirectory pins) : pins_(std::move(pins)) {}
  Result<> open_maps();

  PinDirectory pins_;
  UniqueFd anchor_;
  UniqueFd active_, policies_, signers_, grants_, cgroups_, functions_, digests_, authorities_, volume_loaders_;
  UniqueFd sealed_, counters_, guarded_;
  gate_about about_ = {};
};

}  // namespace bpfgate::gate
