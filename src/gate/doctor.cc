// SPDX-License-Identifier: MIT
#include "gate/doctor.h"

#include <algorithm>
#include <optional>

#include "base/bytes.h"
#include "base/io.h"
#include "gate/boot.h"
#include "gate/extension.h"
#include "gate/gate.h"
#include "gate/lockout.h"
#include "gate/notes.h"
#include "gate/policy.h"
#include "gate/probe.h"
#include "gate/rpm_macros.h"
#include "gate/signers.h"

namespace bpfgate::gate {
namespace {

namespace fs = std::filesystem;

constexpr size_t max_size = 65536;

// First line, or nothing where there is no such file.
std::optional<std::string> line_of(const fs::path& path) {
  auto text = read_text_file(path, max_size);
  if (!text) return std::nullopt;
  return text->substr(0, text->find('\n'));
}

std::optional<std::string> boot_option(const fs::path& root, std::string_view key) {
  const std::string line = line_of(root / "proc/cmdline").value_or("");
  std::optional<std::string_view> value = last_value(line, key);
  if (!value) return std::nullopt;
  return std::string(*value);
}

Finding finding(const std::string& what, bool is_good, const std::optional<std::string>& state, const std::string& why,
                const std::string& remedy) {
  return {what, is_good ? Health::Good : Health::Weak, state.value_or("cannot be read"), is_good ? "" : why,
          is_good ? "" : remedy};
}

bool is_one_of(const std::optional<std::string>& state, std::initializer_list<const char*> good) {
  for (const char* value : good)
    if (state == value) return true;
  return false;
}

// A setting that is one file with one value.
struct Setting {
  const char* what;
  const char* path;
  std::initializer_list<const char*> good;
  const char* why;
  const char* remedy;
};

constexpr Setting settings[] = {
    {"module signatures",
     "sys/module/module/parameters/sig_enforce",
     {"Y"},
     "an unsigned kernel module may do anything",
     "Add module.sig_enforce=1 to the kernel command line."},
    {"kexec",
     "proc/sys/kernel/kexec_load_disabled",
     {"1"},
     "root can boot another kernel without the gate",
     "Set kernel.kexec_load_disabled=1 with sysctl, or use lockdown."},
    {"unprivileged BPF",
     "proc/sys/kernel/unprivileged_bpf_disabled",
     {"1", "2"},
     "processes without privileges reach the verifier, where a grant lets them",
     "Set kernel.unprivileged_bpf_disabled=1 with sysctl."},
    {"JIT hardening",
     "proc/sys/net/core/bpf_jit_harden",
     {"1", "2"},
     "constants of loaded programs can be used to spray code into the kernel",
     "Set net.core.bpf_jit_harden=2 with sysctl."},
    {"dm-verity signatures",
     "sys/module/dm_verity/parameters/require_signatures",
     {"Y"},
     "a verity device may be set up with any root hash",
     "Add dm_verity.require_signatures=1 to the kernel command line."},
};

Finding examine_setting(const fs::path& root, const Setting& setting) {
  auto state = line_of(root / setting.path);
  return finding(setting.what, is_one_of(state, setting.good), state, setting.why, setting.remedy);
}

// "none [integrity] confidentiality": the one in brackets is active.
Finding examine_lockdown(const fs::path& root) {
  auto state = line_of(root / "sys/kernel/security/lockdown");
  if (state && state->find('[') != std::string::npos)
    state = state->substr(state->find('[') + 1, state->find(']') - state->find('[') - 1);
  return finding("lockdown", is_one_of(state, {"integrity", "confidentiality"}), state,
                 "root can write kernel memory: /dev/mem, MSRs, kernel debuggers, unsigned modules and kexec",
                 "Add lockdown=integrity to the kernel command line.");
}

Finding examine_lsm_list(const fs::path& root) {
  auto active = line_of(root / "sys/kernel/security/lsm");
  bool is_there = active && ("," + *active + ",").find(",bpf,") != std::string::npos;
  Finding found = finding("LSM list", is_there, active, "the gate's programs would be attached and never called",
                          "Add lsm=" + active.value_or("...") + ",bpf to the kernel command line and boot again.");
  if (!is_there) found.health = Health::Missing;
  if (is_there) found.state += boot_option(root, "lsm") ? " (from the command line)" : " (built in)";
  return found;
}

Finding examine_forced_writes(const fs::path& root) {
  auto state = boot_option(root, "proc_mem.force_override");
  return finding("forced writes through /proc/PID/mem", is_one_of(state, {"never"}), state.value_or("not set"),
                 "a process can write to its own code without any hook seeing it",
                 "Add proc_mem.force_override=never to the kernel command line (Linux 6.12 and later).");
}

// Only of hosts whose packages are rpm's.
void append_rpm(const fs::path& root, std::vector<Finding>& findings) {
  if (auto is_on = has_stock_fsverity_plugin(root))
    findings.push_back(finding("rpm's plugin for fs-verity", !*is_on, *is_on ? "on" : "off",
                               "packages with signatures of their files cannot be installed where there is fs-verity",
                               "Install bpfgate's plugin for rpm, which switches that one off, or write "
                               "\"%__transaction_fsverity %{nil}\" into /etc/rpm/macros.bpfgate."));
}

Finding examine_kernel() {
  auto kernel = probe_kernel();
  if (!kernel)
    return {"kernel", Health::Missing, kernel.error().message, "the gate cannot be loaded", kernel.error().remedy};
  // No weakness: where nothing says who has signed a program, no program counts as signed.
  const char* state = kernel->verifies_programs ? "has all that the gate uses"
                                                : "has what the gate needs; signed programs take Linux 7.2";
  if (kernel->missing_optional.empty()) return {"kernel", Health::Good, state, "", ""};
  std::string missing;
  for (const std::string& name : kernel->missing_optional) missing += (missing.empty() ? "lacks " : ", ") + name;
  return {"kernel", Health::Weak, missing,
          "running processes cannot be judged again after an update, or events name no executable",
          "Use Linux 6.12 or later."};
}

// Each process by itself: whoever reads this has to see to each.
void append_locked_out(const manifest::Manifest& manifest, std::vector<Finding>& findings) {
  auto locked_out = locked_out_by(manifest);
  if (!locked_out) {
    findings.push_back({"lock-out", Health::Weak, locked_out.error().message, "whom enforcing locks out cannot be told",
                        "Ask as root, where all of /proc is to be seen."});
    return;
  }
  if (locked_out->empty()) findings.push_back({"lock-out", Health::Good, "nobody that holds BPF objects now", "", ""});
  for (const LockedOut& process : *locked_out) {
    std::string who = process.pid == 0 ? "this program" : "process " + std::to_string(process.pid);
    findings.push_back({"lock-out", Health::Weak, who + " " + printable(process.executable) + ": " + process.reason,
                        process.pid == 0 ? "enforcing the policy would lock bpfgate itself out"
                                         : "enforcing the policy would lock it out, and it holds " +
                                               std::to_string(process.bpf_objects) + " BPF objects",
                        "Sign and seal it, or list its digest: bpfgate learn drafts what it needs."});
  }
}

Finding examine_default(const manifest::Manifest& manifest) {
  const std::vector<std::string>& grants = manifest.default_grants;
  bool is_everything = std::ranges::any_of(
      grants, [&](const std::string& name) { return manifest::allows_everything(manifest.grants.at(name)); });
  std::string state;
  for (const std::string& grant : grants) state += (state.empty() ? "" : ", ") + printable(grant);
  return finding("default grant", !is_everything, state, "whoever has no evidence may do everything all the same",
                 "Give everybody \"none\" or \"inspect\", and loaders what they need.");
}

Finding examine_ima(const manifest::Manifest& manifest) {
  if (!manifest.evidence.ima) return {"IMA evidence", Health::Good, "does not count", "", ""};
  if (!ima_of_host())
    return {"IMA evidence", Health::Weak, "counts, but IMA measures nothing",
            "what is proven by IMA alone has no evidence",
            "Add ima_policy=tcb to the kernel command line, or seal the files with fs-verity."};
  return {"IMA evidence", Health::Weak, "counts", "whoever writes below the file system changes code that was proven",
          "Seal the files with fs-verity, and take \"ima\" out of the policy's \"evidence\"."};
}

template <typename Has>
std::string names_of(const manifest::Manifest& manifest, Has has) {
  std::string names;
  for (const auto& [name, grant] : manifest.grants)
    if (has(grant)) names += (names.empty() ? "" : ", ") + printable(name);
  return names;
}

Finding examine_jit(const manifest::Manifest& manifest) {
  std::string names = names_of(manifest, [](const manifest::Grant& grant) { return grant.jit; });
  return finding("grants with a JIT", names.empty(), names.empty() ? "none" : names,
                 "code that is put into anonymous memory of such a loader passes for its JIT's",
                 "Take the option \"jit\" from grants whose programs run without one.");
}

Finding examine_debug(const manifest::Manifest& manifest) {
  std::string names = names_of(manifest, [](const manifest::Grant& grant) { return grant.debug; });
  return finding("grants with a debugger", names.empty(), names.empty() ? "none" : names,
                 "whoever may debug such a loader can take its mark away",
                 "Take the option \"debug\" from grants of loaders that nobody debugs on this host.");
}

Finding examine_authority(const manifest::Manifest& manifest) {
  auto has_one = has_authority(manifest);
  if (!has_one)
    return {"signers", Health::Missing, has_one.error().message, "the policy cannot be loaded", has_one.error().remedy};
  return finding("signers of manifests", *has_one, *has_one ? "named" : "none",
                 "the gate cannot be sealed, and whoever is root before it enforces may change its policy",
                 "Name a signer with the role \"manifest\".");
}

// As `gate load` would find out, at the next boot.
Finding examine_extension(const manifest::Manifest& manifest) {
  if (!manifest.extension) return {"extension", Health::Good, "none", "", ""};
  auto opened = Extension::open(*manifest.extension, false);
  if (opened) return {"extension", Health::Good, printable(manifest.extension->path), "", ""};
  return {"extension", Health::Missing, printable(opened.error().message), "the gate cannot be loaded",
          opened.error().remedy};
}

Finding examine_volumes(const manifest::Manifest& manifest) {
  if (manifest.volumes.empty() && !manifest.evidence.signed_volumes) return {"volumes", Health::Good, "none", "", ""};
  auto kernel = probe_kernel();
  bool is_followed = kernel && kernel->has_volumes;
  return finding("volumes", is_followed, is_followed ? "dm_verity is there" : "no dm_verity in the kernel yet",
                 "a gate that is loaded now trusts no volume",
                 "Load the module dm_verity (modprobe dm_verity) before the gate.");
}

// Names that this kernel lacks, and what may not be meant.
void append_doubtful(const manifest::Manifest& manifest, std::vector<Finding>& findings) {
  std::vector<std::string> notes = notes_on(manifest);
  if (auto unknown = unknown_names(manifest)) notes.insert(notes.end(), unknown->begin(), unknown->end());
  for (const std::string& note : notes)
    findings.push_back({"policy", Health::Weak, printable(note), "the policy may not mean what it says",
                        "Correct the manifest, where this is not meant."});
}

}  // namespace

std::vector<Finding> examine(const fs::path& root) {
  std::vector<Finding> findings = {examine_lsm_list(root)};
  if (root == "/") findings.push_back(examine_kernel());
  findings.push_back(examine_lockdown(root));
  for (const Setting& setting : settings) findings.push_back(examine_setting(root, setting));
  findings.push_back(examine_forced_writes(root));
  append_rpm(root, findings);
  return findings;
}

std::vector<Finding> examine_policy(const manifest::Manifest& manifest) {
  std::vector<Finding> findings = {examine_default(manifest),  examine_ima(manifest),       examine_jit(manifest),
                                   examine_debug(manifest),    examine_authority(manifest), examine_volumes(manifest),
                                   examine_extension(manifest)};
  append_doubtful(manifest, findings);
  append_locked_out(manifest, findings);
  return findings;
}

}  // namespace bpfgate::gate
