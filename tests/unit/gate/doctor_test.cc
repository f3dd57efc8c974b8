// SPDX-License-Identifier: MIT
// Findings on made-up hosts: what is read counts, and what cannot be read is not taken for good.
#include "gate/doctor.h"

#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <cstdlib>
#include <fstream>
#include <map>

#include "all_of_proc.h"
#include "temporary_directory.h"

using namespace bpfgate;
using gate::Health;

namespace {

class Host : public test::TemporaryDirectory {
 public:
  void put(const std::string& path, const std::string& content) const {
    std::filesystem::path file = this->path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << content << "\n";
  }
  [[nodiscard]] gate::Finding find(const std::string& what) const {
    auto findings = gate::examine(path());
    auto found = std::find_if(findings.begin(), findings.end(), [&](const auto& f) { return f.what == what; });
    REQUIRE(found != findings.end());
    return *found;
  }
};

}  // namespace

TEST_CASE("nothing that cannot be read is good") {
  Host host;
  for (const gate::Finding& finding : gate::examine(host.path())) {
    INFO(finding.what);
    CHECK(finding.health != Health::Good);
    CHECK_FALSE(finding.why.empty());
    CHECK_FALSE(finding.remedy.empty());
  }
}

TEST_CASE("a host where everything was seen to") {
  Host host;
  host.put("proc/cmdline", "quiet lsm=lockdown,bpf proc_mem.force_override=ptrace proc_mem.force_override=never");
  host.put("sys/kernel/security/lsm", "lockdown,capability,bpf");
  host.put("sys/kernel/security/lockdown", "none [integrity] confidentiality");
  host.put("sys/module/module/parameters/sig_enforce", "Y");
  host.put("sys/module/dm_verity/parameters/require_signatures", "Y");
  host.put("proc/sys/kernel/kexec_load_disabled", "1");
  host.put("proc/sys/kernel/unprivileged_bpf_disabled", "2");
  host.put("proc/sys/net/core/bpf_jit_harden", "2");
  for (const gate::Finding& finding : gate::examine(host.path())) {
    INFO(finding.what);
    CHECK(finding.health == Health::Good);
    CHECK(finding.remedy.empty());
  }
  CHECK(host.find("LSM list").state == "lockdown,capability,bpf (from the command line)");
  CHECK(host.find("lockdown").state == "integrity");
}

TEST_CASE("the last option on the command line counts") {
  Host host;
  host.put("proc/cmdline", "proc_mem.force_override=never proc_mem.force_override=always");
  CHECK(host.find("forced writes through /proc/PID/mem").health == Health::Weak);
}

TEST_CASE("without bpf among the security modules the gate cannot run") {
  Host host;
  host.put("sys/kernel/security/lsm", "lockdown,bpfilter");
  gate::Finding finding = host.find("LSM list");
  CHECK(finding.health == Health::Missing);
  CHECK(finding.remedy.find("lsm=lockdown,bpfilter,bpf") != std::string::npos);
  host.put("sys/kernel/security/lsm", "bpf");
  CHECK(host.find("LSM list").health == Health::Good);
  CHECK(host.find("LSM list").state == "bpf (built in)");
}

TEST_CASE("values that are not the good ones are weak") {
  Host host;
  host.put("sys/kernel/security/lockdown", "[none] integrity confidentiality");
  CHECK(host.find("lockdown").health == Health::Weak);
  CHECK(host.find("lockdown").state == "none");
  host.put("proc/sys/kernel/kexec_load_disabled", "0");
  CHECK(host.find("kexec").health == Health::Weak);
}

namespace {

// What is said of a policy: (state, whether it is good), by what it is about.
std::map<std::string, std::pair<std::string, bool>> findings_on(const manifest::Manifest& manifest) {
  std::map<std::string, std::pair<std::string, bool>> found;
  for (const gate::Finding& finding : gate::examine_policy(manifest)) {
    CHECK((finding.health == Health::Good) == finding.remedy.empty());
    found[finding.what] = {finding.state, finding.health == Health::Good};
  }
  return found;
}

manifest::Manifest policy_with(const std::string& more) {
  std::string text = R"({"bpfgate": 1, "name": "hosts", "sequence": 1, "mode": "enforce")" + more + "}";
  return manifest::parse(text, "hosts.json", {}).value();
}

}  // namespace

TEST_CASE("a policy that weakens nothing locks out who is not proven") {
  auto found = findings_on(policy_with(""));
  CHECK(found["default grant"] == std::pair<std::string, bool>{"none", true});
  CHECK(found["IMA evidence"].second);
  CHECK(found["grants with a JIT"] == std::pair<std::string, bool>{"none", true});
  // This test's program, which no file system has sealed.
  CHECK_FALSE(found["lock-out"].second);
  if (gate::test::sees_all_of_proc()) CHECK(found["lock-out"].first.starts_with("this program "));
}

TEST_CASE("what weakens a policy is said") {
  auto found = findings_on(policy_with(R"(, "default": {"grant": "full"}, "evidence": {"ima": true},
      "grants": {"a": {"commands": "any", "jit": true}, "b": {"commands": "any"}, "c": {"commands": "any", "jit": true}})"));
  CHECK(found["default grant"] == std::pair<std::string, bool>{"full", false});
  CHECK_FALSE(found["IMA evidence"].second);
  CHECK(found["grants with a JIT"] == std::pair<std::string, bool>{"a, c", false});
}

TEST_CASE("rpm's own plugin for fs-verity is looked for on hosts of rpm packages") {
  const std::string what = "rpm's plugin for fs-verity";
  Host host;
  auto is_looked_for = [&] {
    auto findings = gate::examine(host.path());
    return std::any_of(findings.begin(), findings.end(), [&](const auto& f) { return f.what == what; });
  };
  host.put("usr/lib/rpm/macros.d/macros.transaction_fsverity", "%__transaction_fsverity %{__plugindir}/fsverity.so");
  CHECK_FALSE(is_looked_for());
  host.put("usr/lib/sysimage/rpm/rpmdb.sqlite", "");
  CHECK(host.find(what).health == Health::Weak);
  // What comes before it changes nothing, and neither does what rpm does not read.
  host.put("usr/lib/rpm/macros.d/macros.aaa", "%__transaction_fsverity\t%{nil}");
  host.put("usr/lib/rpm/macros.d/macros.zzz.rpmsave", "%__transaction_fsverity\t%{nil}");
  CHECK(host.find(what).health == Health::Weak);
  host.put("usr/lib/rpm/macros.d/macros.transaction_fsverity_off", "# off\n%__transaction_fsverity\t%{nil}");
  CHECK(host.find(what).health == Health::Good);
  host.put("etc/rpm/macros.site", "%__transaction_fsverity /usr/lib64/rpm-plugins/fsverity.so");
  CHECK(host.find(what).health == Health::Weak);
  host.put("etc/rpm/macros", "%__transaction_fsverity %{nil}");
  CHECK(host.find(what).health == Health::Good);
}

TEST_CASE("the macro file that comes with the plugin for rpm switches the other off") {
  Host host;
  host.put("var/lib/rpm/Packages", "");
  host.put("usr/lib/rpm/macros.d/macros.transaction_fsverity", "%__transaction_fsverity %{__plugindir}/fsverity.so");
  std::filesystem::copy_file(std::filesystem::path(std::getenv("RPM_MACROS_OFF")),
                             host.path() / "usr/lib/rpm/macros.d/macros.transaction_fsverity_off");
  CHECK(host.find("rpm's plugin for fs-verity").health == Health::Good);
}
