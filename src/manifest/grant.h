// SPDX-License-Identifier: MIT
// What a grant allows. docs/MANIFEST.md ("Grants") is the reference.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/vocabulary.h"

namespace bpfgate::manifest {

using HelperSet = std::bitset<kMaxHelpers>;

// What programs may call in the kernel: what is allowed, less what is denied. Without a rule: everything. Kfuncs are
// those of the kernel itself, by kfunc_name(); whether the kernel has one is not known here.
struct HelperRule {
  bool read_only = false;    // what read_only_helpers() and read_only_kfuncs() have is allowed, beside
  bool only_listed = false;  // what `allowed` and `allowed_kfuncs` have, which may be nothing; without the class
  HelperSet allowed = {};
  std::set<std::string> allowed_kfuncs = {};
  HelperSet denied = {};
  std::set<std::string> denied_kfuncs = {};
  // Whether it lists what is allowed, so that what later kernels bring is not.
  [[nodiscard]] bool is_list() const { return read_only || only_listed; }
  [[nodiscard]] bool is_any() const { return !is_list() && denied.none() && denied_kfuncs.empty(); }
  bool operator==(const HelperRule&) const = default;
};

std::vector<std::string> names_in(const HelperSet& helpers);  // in the order of their numbers
HelperSet allowed_helpers(const HelperRule& rule);
// Of a rule that is a list; others allow all but those denied.
std::set<std::string> allowed_kfuncs(const HelperRule& rule);

// Helpers and kfuncs that only look: none that writes memory of the kernel or of a process, changes what a function
// returns, sends signals, changes or redirects packets, or runs a program that was not looked at (tail calls). A list
// of what is allowed, so that what a later kernel adds is not.
const HelperSet& read_only_helpers();
const std::set<std::string>& read_only_kfuncs();

// Where programs may be attached that say so when they are loaded, by glob (* and ? and [...]). A program that does
// not say (kprobes, perf events, packets) may not be loaded at all.
struct AttachTargets {
  std::vector<std::string> functions;    // of fentry, fexit, modify_return
  std::vector<std::string> tracepoints;  // of raw tracepoints with BTF
  std::vector<std::string> lsm_hooks;    // "file_open"
  bool operator==(const AttachTargets&) const = default;
};

// Holds when each of its parts holds; an empty list asks nothing.
struct Condition {
  std::vector<uint32_t> uids;        // effective, as the initial user namespace counts
  std::vector<uint32_t> gids;        // effective or supplementary
  std::vector<std::string> cgroups;  // absolute paths in the cgroup v2 hierarchy; all below counts, too
  bool initial_network = false;      // network namespace of the host
  bool initial_users = false;        // user namespace of the host
  [[nodiscard]] bool is_none() const {
    return uids.empty() && gids.empty() && cgroups.empty() && !initial_network && !initial_users;
  }
  bool operator==(const Condition&) const = default;
};

// Whose programs may be loaded: those of signers with the role "program", by name. Empty: of every one of them.
using SignedBy = std::vector<std::string>;

// What a light skeleton calls to load and attach signed programs. No other command counts in a grant for those.
NumberSet skeleton_commands();

struct Grant {
  std::string name;
  NumberSet commands = 0;
  bool admin = false;  // reaches the gate's own objects; the built-in grant "admin" only
  bool debug = false;  // may be debugged, and loses its mark by that
  bool jit = false;    // may have anonymous executable memory
  NumberSet program_types = kAny;
  NumberSet map_types = kAny;
  NumberSet attach_types = kAny;
  HelperRule helpers = {};
  std::optional<AttachTargets> attach_to = std::nullopt;
  Condition when = {};
  std::optional<SignedBy> signed_by = std::nullopt;
  bool operator==(const Grant&) const = default;
};

std::string in_words(const HelperRule& rule);  // "read-only without skb_output"

// A grant in lines for people: "commands: any", "helpers: read-only", "when uid is one of 0", ...
std::vector<std::string> describe(const Grant& grant);

// Built in, and not to be redefined: "none" (nothing), "inspect" (list and read info of objects, no loading and no
// writing), "full" (everything, commands added by later kernels too), "admin" (the same, and the gate itself) and
// "signed-programs-only" (programs that a signer of programs has signed, and no others).
Grant grant_none();
Grant grant_inspect();
Grant grant_signed_programs();
Grant grant_full();
Grant grant_admin();
bool is_built_in(std::string_view grant);

// Whether it refuses no call of bpf(2), whoever makes it: what "full" does, by whatever name. Options do not count, nor
// does the gate itself.
bool allows_everything(const Grant& grant);

}  // namespace bpfgate::manifest
