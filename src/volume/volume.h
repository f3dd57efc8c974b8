// SPDX-License-Identifier: MIT
// dm-verity volumes, as the kernel's device mapper has them (Documentation/admin-guide/device-mapper/verity.rst): the
// twin of bpf/volume.bpf.h. Everything here needs root, or there is no asking.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace bpfgate::volume {

// An active device of the target "verity".
struct Volume {
  std::string root_hash;    // "sha256:HEX", of whatever algorithm it is
  bool is_known = false;    // the algorithm is one that the gate knows
  bool is_signed = false;   // the kernel has verified a signature of the root hash
  bool is_checked = false;  // every block is, each time it is read: neither ignore_corruption nor check_at_most_once
};

// What the table of such a target says: "1 /dev/vdb /dev/vdc 4096 4096 256 1 sha256 ROOT SALT 1 ignore_corruption".
// ErrorKind::Invalid where it is none.
Result<Volume> parse_table(std::string_view parameters);

struct Position {
  Volume volume;
  uint64_t inode = 0;
};

// Where an open file is. nullopt: not on a volume, or on a file system of which it is not known that all it shows comes
// from its one device (ext4, squashfs and erofs are the known ones).
Result<std::optional<Position>> find(int fd);

// Suspends and resumes each active verity device that `is_wanted`: so the kernel tells its modules about the root hash
// once more, those that were loaded later too. Nothing is read from these devices meanwhile; this program's own memory
// is locked for that time. Devices that are suspended already, or have a table in waiting, are passed over. Returns the
// names of the others.
using Filter = std::function<bool(const Volume&)>;
Result<std::vector<std::string>> announce(const Filter& is_wanted);

}  // namespace bpfgate::volume
