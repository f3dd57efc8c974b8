// SPDX-License-Identifier: MIT
#include "manifest/decide.h"

#include <linux/bpf.h>

#include <catch2/catch_test_macros.hpp>

#include "manifest/sample.h"

using namespace bpfgate::manifest;
using namespace bpfgate::manifest::test;

namespace {

Grant grant_from(const nlohmann::json& rules) {
  nlohmann::json json = minimal();
  json["grants"]["g"] = rules;
  if (!json["grants"]["g"].contains("commands")) json["grants"]["g"]["commands"] = "any";
  auto manifest = parse_json(json);
  INFO((manifest ? std::string() : manifest.error().message));
  REQUIRE(manifest);
  return manifest->grants.at("g");
}

Answer answer(const nlohmann::json& rules, const Call& call, const Caller& caller = {}) {
  return ask(grant_from(rules), caller, call);
}

Call load(unsigned type) { return {.command = BPF_PROG_LOAD, .program_type = type}; }

}  // namespace

TEST_CASE("a command that is not listed is not granted") {
  CHECK(answer({{"commands", {"map_create"}}}, {.command = BPF_MAP_CREATE}) == Answer::Granted);
  CHECK(answer({{"commands", {"map_create"}}}, {.command = BPF_BTF_LOAD}) == Answer::CommandNotGranted);
  CHECK(answer({{"commands", "any"}}, {.command = 63}) == Answer::Granted);
  CHECK(answer({{"commands", "any"}}, {.command = 64}) == Answer::CommandNotGranted);
}

TEST_CASE("types are asked where a call has one") {
  nlohmann::json rules = {{"program_types", {"kprobe"}}, {"map_types", {"hash"}}, {"attach_types", {"lsm_mac"}}};
  CHECK(answer(rules, load(BPF_PROG_TYPE_KPROBE)) == Answer::Granted);
  CHECK(answer(rules, load(BPF_PROG_TYPE_XDP)) == Answer::ProgramTypeNotGranted);
  CHECK(answer(rules, {.command = BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_HASH}) == Answer::Granted);
  CHECK(answer(rules, {.command = BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY}) == Answer::MapTypeNotGranted);
  CHECK(answer(rules, {.command = BPF_MAP_CREATE, .map_type = 70}) == Answer::MapTypeNotGranted);
  CHECK(answer(rules, {.command = BPF_LINK_CREATE, .attach_type = BPF_LSM_MAC}) == Answer::Granted);
  CHECK(answer(rules, {.command = BPF_LINK_CREATE, .attach_type = BPF_XDP}) == Answer::AttachTypeNotGranted);
  CHECK(answer({{"map_types", "any"}}, {.command = BPF_MAP_CREATE, .map_type = 70}) == Answer::Granted);
  CHECK(answer({{"attach_types", {"lsm_mac"}}}, load(BPF_PROG_TYPE_EXT)) == Answer::AttachTypeNotGranted);
  CHECK(answer({}, load(BPF_PROG_TYPE_EXT)) == Answer::Granted);
}

TEST_CASE("helpers are denied by name or by class") {
  Call quiet = load(BPF_PROG_TYPE_KPROBE), writes = quiet, later = quiet;
  quiet.helpers = {BPF_FUNC_probe_read_kernel};
  writes.helpers = {BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_write_user};
  later.helpers = {300};
  nlohmann::json deny = {{"helpers", {{"deny", {"probe_write_user"}}}}};
  for (const nlohmann::json& rules : {deny, nlohmann::json{{"helpers", "read-only"}}}) {
    CHECK(answer(rules, quiet) == Answer::Granted);
    CHECK(answer(rules, writes) == Answer::HelperNotGranted);
    CHECK(answer(rules, later) == Answer::HelperNotGranted);
  }
  CHECK(answer({{"helpers", "any"}}, later) == Answer::Granted);
  Call poisoned = quiet;
  poisoned.helpers = {195896080};  // libbpf's, where a field is not there
  CHECK(answer(deny, poisoned) == Answer::Granted);
  CHECK(answer({{"helpers", {{"class", "read-only"}, {"deny", {"probe_read_kernel"}}}}}, quiet) ==
        Answer::HelperNotGranted);
}

TEST_CASE("a list of what is allowed allows nothing else") {
  Call looks = load(BPF_PROG_TYPE_KPROBE), writes = looks, later = looks, calls = looks;
  looks.helpers = {BPF_FUNC_probe_read_kernel};
  writes.helpers = {BPF_FUNC_probe_write_user};
  later.helpers = {300};
  calls.kfuncs = {"bpf_task_from_pid"};
  nlohmann::json only = {{"helpers", {{"allow", {"probe_write_user"}}}}};
  CHECK(answer(only, writes) == Answer::Granted);
  CHECK(answer(only, looks) == Answer::HelperNotGranted);
  CHECK(answer(only, later) == Answer::HelperNotGranted);
  CHECK(answer(only, calls) == Answer::KfuncNotGranted);
  nlohmann::json beside = {{"helpers", {{"class", "read-only"}, {"allow", {"probe_write_user"}}}}};
  for (const Call& call : {looks, writes, calls}) CHECK(answer(beside, call) == Answer::Granted);
  nlohmann::json functions = {{"helpers", {{"allow_kfuncs", {"bpf_task_from_pid"}}}}};
  CHECK(answer(functions, calls) == Answer::Granted);
  CHECK(answer(functions, looks) == Answer::HelperNotGranted);
  // What is denied is denied, allowed by name or not.
  nlohmann::json both = {{"helpers", {{"allow", {"probe_write_user"}}, {"deny", {"probe_write_user"}}}}};
  CHECK(answer(both, writes) == Answer::HelperNotGranted);
  nlohmann::json none = {{"helpers", {{"allow", nlohmann::json::array()}}}};
  CHECK(answer(none, load(BPF_PROG_TYPE_KPROBE)) == Answer::Granted);
  for (const Call& call : {looks, writes, calls}) CHECK(answer(none, call) != Answer::Granted);
}

TEST_CASE("both names of a kfunc are one") {
  for (const char* called : {"bpf_obj_new", "bpf_obj_new_impl"}) {
    Call call = load(BPF_PROG_TYPE_TRACING);
    call.kfuncs = {called};
    for (const char* named : {"bpf_obj_new", "bpf_obj_new_impl"}) {
      CHECK(answer({{"helpers", {{"allow_kfuncs", {named}}}}}, call) == Answer::Granted);
      CHECK(answer({{"helpers", {{"deny_kfuncs", {named}}}}}, call) == Answer::KfuncNotGranted);
      CHECK(answer({{"helpers", {{"allow_kfuncs", {"bpf_obj_new"}}, {"deny_kfuncs", {named}}}}}, call) ==
            Answer::KfuncNotGranted);
    }
  }
}

TEST_CASE("kfuncs are denied by name or by class, and those of modules by any rule") {
  Call call = load(BPF_PROG_TYPE_TRACING);
  call.kfuncs = {"bpf_task_from_pid"};
  CHECK(answer({{"helpers", "read-only"}}, call) == Answer::Granted);
  CHECK(answer({{"helpers", {{"deny_kfuncs", {"bpf_task_from_pid"}}}}}, call) == Answer::KfuncNotGranted);
  call.kfuncs = {"bpf_set_dentry_xattr"};
  CHECK(answer({{"helpers", "read-only"}}, call) == Answer::KfuncNotGranted);
  CHECK(answer({{"helpers", {{"deny_kfuncs", {"bpf_task_from_pid"}}}}}, call) == Answer::Granted);
  call.kfuncs = {};
  call.module_kfuncs = true;
  CHECK(answer({{"helpers", {{"deny", {"redirect"}}}}}, call) == Answer::KfuncNotGranted);
  CHECK(answer({}, call) == Answer::Granted);
}

TEST_CASE("targets are allowed by glob, each kind by its own list") {
  nlohmann::json rules = {
      {"attach_to", {{"functions", {"vfs_*"}}, {"tracepoints", {"sched_switch"}}, {"lsm_hooks", {"file_open"}}}}};
  Call call = load(BPF_PROG_TYPE_TRACING);
  CHECK(answer(rules, call) == Answer::TargetNotGranted);
  call.target = Target{TargetKind::Function, "vfs_read"};
  CHECK(answer(rules, call) == Answer::Granted);
  call.target = Target{TargetKind::Function, "do_exit"};
  CHECK(answer(rules, call) == Answer::TargetNotGranted);
  call.target = Target{TargetKind::Tracepoint, "sched_switch"};
  CHECK(answer(rules, call) == Answer::Granted);
  CHECK(answer({{"attach_to", {{"functions", {"*"}}}}}, [] {
          Call hook = load(BPF_PROG_TYPE_LSM);
          hook.target = Target{TargetKind::Function, "bpf_lsm_file_open"};
          return hook;
        }()) == Answer::TargetNotGranted);
  call.target = Target{TargetKind::LsmHook, "sched_switch"};
  CHECK(answer(rules, call) == Answer::TargetNotGranted);
  CHECK(answer(rules, {.command = BPF_LINK_CREATE, .attach_type = 59}) == Answer::TargetNotGranted);
  CHECK(answer(rules, {.command = BPF_LINK_CREATE, .attach_type = BPF_TRACE_FENTRY}) == Answer::Granted);
}

TEST_CASE("a condition holds when each of its parts does") {
  nlohmann::json rules = {{"when",
                           {{"uids", {7, 8}},
                            {"gids", {20}},
                            {"cgroups", {"/a/b"}},
                            {"network_namespace", "initial"},
                            {"user_namespace", "initial"}}}};
  const Call call{.command = BPF_MAP_CREATE};
  const Caller good{.uid = 8, .gids = {1, 20}, .cgroup = "/a/b/c"};
  CHECK(answer(rules, call, good) == Answer::Granted);
  Caller bad = good;
  bad.uid = 9;
  CHECK(answer(rules, call, bad) == Answer::ConditionNotMet);
  bad = good;
  bad.gids = {1};
  CHECK(answer(rules, call, bad) == Answer::ConditionNotMet);
  for (const char* cgroup : {"/a", "/a/bb", "/", "/x/a/b"}) {
    bad = good;
    bad.cgroup = cgroup;
    CHECK(answer(rules, call, bad) == Answer::ConditionNotMet);
  }
  bad = good;
  bad.initial_network = false;
  CHECK(answer(rules, call, bad) == Answer::ConditionNotMet);
  bad = good;
  bad.initial_users = false;
  CHECK(answer(rules, call, bad) == Answer::ConditionNotMet);
}

TEST_CASE("one of several grants must allow all of it, and the closest is named") {
  nlohmann::json json = minimal();
  json["grants"] = {{"a", {{"commands", {"btf_load"}}}},
                    {"b", {{"commands", {"prog_load"}}, {"program_types", {"kprobe"}}}},
                    {"c", {{"commands", {"prog_load"}}, {"program_types", {"xdp"}}, {"helpers", "read-only"}}}};
  Manifest manifest = parse_json(json).value();
  Call call = load(BPF_PROG_TYPE_XDP);
  CHECK(decide(manifest, {"a", "b", "c"}, {}, call).grant == "c");
  call.helpers = {BPF_FUNC_redirect};
  Decision decision = decide(manifest, {"a", "b", "c"}, {}, call);
  CHECK(decision.answer == Answer::HelperNotGranted);
  CHECK(decision.grant == "c");
  CHECK(decide(manifest, {"a", "b"}, {}, call).grant == "b");
  CHECK(decide(manifest, {}, {}, call).answer == Answer::CommandNotGranted);
  CHECK(decide(manifest, {}, {}, call).grant.empty());
}

TEST_CASE("zero is an attach type for programs that filter a cgroup's packets only") {
  CHECK(attach_type_of_load(BPF_PROG_TYPE_CGROUP_SKB, 0) == 0U);
  CHECK(attach_type_of_load(BPF_PROG_TYPE_KPROBE, 0) == std::nullopt);
  CHECK(attach_type_of_load(BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT) == BPF_TRACE_FEXIT);
  CHECK(attach_type_of_load(BPF_PROG_TYPE_CGROUP_SOCK, 0) == BPF_CGROUP_INET_SOCK_CREATE);
  CHECK(attach_type_of_load(BPF_PROG_TYPE_SK_REUSEPORT, 0) == BPF_SK_REUSEPORT_SELECT);
  CHECK(attach_type_of_load(BPF_PROG_TYPE_STRUCT_OPS, 6) == std::nullopt);  // a member's index
}

namespace {

// With two signers of programs, one of whom the grant "its" names.
Manifest with_programs() {
  nlohmann::json json = minimal();
  for (const char* name : {"ours", "theirs"})
    json["signers"].push_back({{"name", name}, {"role", "program"}, {"certificate", std::string(name) + ".pem"}});
  json["grants"] = {{"its", {{"commands", "any"}, {"signed_by", {"ours"}}}},
                    {"local", {{"commands", "any"}, {"signed_by", "any"}, {"when", {{"uids", {7}}}}}}};
  auto manifest = parse_json(json);
  INFO((manifest ? std::string() : manifest.error().message));
  REQUIRE(manifest);
  return *manifest;
}

Call signed_load(const char* signer) {
  return {.command = BPF_PROG_LOAD, .program_type = BPF_PROG_TYPE_SYSCALL, .signer = signer};
}

}  // namespace

TEST_CASE("grants for signed programs want a signer") {
  Manifest manifest = with_programs();
  auto answer_of = [&](const char* grant, const Call& call, const Caller& caller = {}) {
    return decide(manifest, {grant}, caller, call).answer;
  };
  CHECK(answer_of("signed-programs-only", signed_load("theirs")) == Answer::Granted);
  CHECK(answer_of("its", signed_load("ours")) == Answer::Granted);
  CHECK(answer_of("its", signed_load("theirs")) == Answer::ProgramNotSigned);
  CHECK(answer_of("its", load(BPF_PROG_TYPE_SYSCALL)) == Answer::ProgramNotSigned);
  CHECK(answer_of("local", signed_load("ours")) == Answer::ConditionNotMet);
  CHECK(answer_of("local", signed_load("ours"), {.uid = 7}) == Answer::Granted);
  CHECK(answer_of("its", {.command = BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY, .exclusive_map = true}) ==
        Answer::Granted);
  CHECK(answer_of("its", {.command = BPF_MAP_CREATE, .map_type = BPF_MAP_TYPE_ARRAY}) == Answer::ProgramNotSigned);
  CHECK(answer_of("its", {.command = BPF_MAP_LOOKUP_ELEM, .signer = "ours"}) == Answer::CommandNotGranted);
}

TEST_CASE("what a verified loader asks the kernel for is its signer's affair") {
  Manifest manifest = with_programs();
  Call call{.command = BPF_BTF_LOAD, .by_kernel = true, .signer = "ours"};
  CHECK(decide(manifest, {"its"}, {}, call).answer == Answer::Granted);
  call.signer = "theirs";
  CHECK(decide(manifest, {"its"}, {}, call).answer == Answer::ProgramNotSigned);
  call.signer.reset();
  CHECK(decide(manifest, {"its"}, {}, call).answer == Answer::ProgramNotSigned);
  CHECK(decide(manifest, {"full"}, {}, call).answer == Answer::Granted);
  CHECK(decide(manifest, {"inspect"}, {}, call).answer == Answer::CommandNotGranted);
}

TEST_CASE("what allows everything does so by whatever name") {
  Grant own{.name = "mine", .commands = kAny};
  CHECK(allows_everything(own));
  own.debug = own.jit = true;
  CHECK(allows_everything(own));
  CHECK(allows_everything(grant_full()));
  CHECK(allows_everything(grant_admin()));
  for (const Grant& grant : {grant_none(), grant_inspect(), grant_signed_programs()})
    CHECK_FALSE(allows_everything(grant));
}

TEST_CASE("a grant with any restriction does not allow everything") {
  auto restrictions = std::to_array<void (*)(Grant&)>({
      [](Grant& grant) { grant.commands &= ~NumberSet{1}; },
      [](Grant& grant) { grant.program_types = 1; },
      [](Grant& grant) { grant.map_types = 1; },
      [](Grant& grant) { grant.attach_types = 1; },
      [](Grant& grant) { grant.helpers.read_only = true; },
      [](Grant& grant) { grant.helpers.only_listed = true; },
      [](Grant& grant) { grant.helpers.denied.set(1); },
      [](Grant& grant) { grant.helpers.denied_kfuncs = {"bpf_put_file"}; },
      [](Grant& grant) { grant.attach_to.emplace(); },
      [](Grant& grant) { grant.when.uids = {0}; },
      [](Grant& grant) { grant.signed_by.emplace(); },
  });
  for (auto restrict_it : restrictions) {
    Grant grant = grant_full();
    restrict_it(grant);
    CHECK_FALSE(allows_everything(grant));
  }
}
