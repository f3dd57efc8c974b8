// SPDX-License-Identifier: MIT
// The ready manifests: that they parse, and that they grant what docs/MANIFEST.md says of them.
#include <algorithm>
#include <catch2/catch_test_macros.hpp>
#include <vector>

#include "base/io.h"
#include "manifest/decide.h"
#include "manifest/sample.h"

using namespace bpfgate;
using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;

namespace {

const std::vector<std::string> ready = {"cilium-node", "debian-host", "developer-audit", "immutable-image"};

Manifest shipped(const std::string& name) {
  std::filesystem::path path = std::filesystem::path(MANIFESTS) / (name + ".json");
  return parse(read_text_file(path, kMaxManifestBytes).value(), path, path_as_content).value();
}

const Signer* find_signer(const Manifest& manifest, const std::string& name) {
  auto found = std::ranges::find(manifest.signers, name, &Signer::name);
  return found == manifest.signers.end() ? nullptr : &*found;
}

// What files signed by this signer are answered, as root on the host.
Answer ask(const Manifest& manifest, const std::string& signer_name, const Call& call) {
  const Signer* signer = find_signer(manifest, signer_name);
  REQUIRE(signer != nullptr);
  return decide(manifest, signer->grants, {}, call).answer;
}

Call command(const char* name) { return {.command = number_of(kCommands, name).value()}; }

Call load_of(const char* program_type, std::vector<unsigned> helpers = {}) {
  Call call = command("prog_load");
  call.program_type = number_of(kProgramTypes, program_type).value();
  call.helpers = std::move(helpers);
  return call;
}

}  // namespace

TEST_CASE("every manifest that ships is named after its file and parses") {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(MANIFESTS))
    if (entry.path().stem() != "schema" && entry.path().stem() != "example") found.push_back(entry.path().stem());
  std::ranges::sort(found);
  CHECK(found == ready);
  for (const std::string& name : ready) CHECK(shipped(name).name == name);
}

TEST_CASE("ready manifests leave a way to manage the gate, and nobody else that way") {
  for (const std::string& name : ready) {
    INFO(name);
    Manifest manifest = shipped(name);
    CHECK(manifest.default_grants == std::vector<std::string>{"none"});
    for (const Signer& signer : manifest.signers) {
      INFO(signer.name);
      CHECK((signer.grants == std::vector<std::string>{"admin"}) == (signer.name == "bpfgate"));
      CHECK(std::ranges::find(signer.grants, "full") == signer.grants.end());
      // A template: nothing on any host is called so, beside the manifest.
      CHECK(signer.certificate_path == std::string(MANIFESTS) + "/" + signer.name + ".pem");
      CHECK_FALSE(std::filesystem::exists(signer.certificate_path));
    }
  }
}

TEST_CASE("on a Debian host tracers trace, and bpftool looks") {
  Manifest manifest = shipped("debian-host");
  unsigned write = number_of(kHelpers, "probe_write_user").value();
  CHECK(ask(manifest, "distro-tracers", load_of("kprobe")) == Answer::Granted);
  CHECK(ask(manifest, "distro-tracers", load_of("kprobe", {write})) == Answer::HelperNotGranted);
  CHECK(ask(manifest, "distro-tracers", load_of("xdp")) == Answer::ProgramTypeNotGranted);
  Call modifies = load_of("tracing");
  modifies.attach_type = number_of(kAttachTypes, "modify_return").value();
  CHECK(ask(manifest, "distro-tracers", modifies) == Answer::AttachTypeNotGranted);
  for (const char* name : {"prog_get_next_id", "map_get_fd_by_id", "map_lookup_elem", "obj_get"})
    CHECK(ask(manifest, "distro-bpftool", command(name)) == Answer::Granted);
  for (const char* name : {"prog_load", "map_update_elem", "prog_attach", "link_detach"})
    CHECK(ask(manifest, "distro-bpftool", command(name)) == Answer::CommandNotGranted);
  CHECK(ask(manifest, "distro-systemd", load_of("cgroup_device")) == Answer::Granted);
  CHECK(ask(manifest, "distro-systemd", load_of("kprobe")) == Answer::ProgramTypeNotGranted);
}

TEST_CASE("on a node the agent has the network, and the runtime its device filters") {
  Manifest manifest = shipped("cilium-node");
  for (const char* type : {"sched_cls", "xdp", "cgroup_sock_addr", "sock_ops"})
    CHECK(ask(manifest, "cilium-agent", load_of(type)) == Answer::Granted);
  for (const char* type : {"kprobe", "tracing", "lsm"})
    CHECK(ask(manifest, "cilium-agent", load_of(type)) == Answer::ProgramTypeNotGranted);
  Caller in_a_pod{.initial_network = false};
  CHECK(decide(manifest, {"datapath"}, in_a_pod, load_of("xdp")).answer == Answer::ConditionNotMet);
  CHECK(ask(manifest, "node-runtime", load_of("cgroup_device")) == Answer::Granted);
  CHECK(ask(manifest, "node-runtime", load_of("cgroup_skb")) == Answer::ProgramTypeNotGranted);
}

TEST_CASE("an image enforces from the start, a developer's host only watches") {
  CHECK(shipped("immutable-image").mode == Mode::Enforce);
  CHECK(shipped("developer-audit").mode == Mode::Audit);
  CHECK(shipped("developer-audit").grants.size() == 5);  // the built-in ones
}
