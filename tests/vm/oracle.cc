// SPDX-License-Identifier: MIT
/*
 * Holds the kernel's decisions to those of manifest::decide(), which knows nothing of BPF.
 *
 *   oracle call COMMAND [KEY=VALUE]...      one call; exit status as of a witness
 *   oracle write-registers              a program for uprobes that changes registers
 *   oracle manifest SEED SEQUENCE KEYS      a random policy, on stdout
 *   oracle compare MANIFEST SEED COUNT KIND EXPECTED
 *                                       random callers and calls under it; KIND is "marked" or "unmarked"
 *   oracle agree EXPECTED EVENTS        what compare could not see for itself: see Expectation
 */
#include <linux/bpf.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <span>

#include "caller.h"
#include "manifest/decide.h"

using namespace bpfgate;
using manifest::Call;
using manifest::Caller;
using manifest::Target;
using manifest::TargetKind;
using nlohmann::json;

namespace {

enum Status { allowed = 0, denied = 1, could_not_try = 2 };

struct BtfDeleter {
  void operator()(btf* types) const { btf__free(types); }
};
using Btf = std::unique_ptr<btf, BtfDeleter>;

class Dice {
 public:
  explicit Dice(uint64_t seed) : engine_(seed) {}
  size_t below(size_t bound) { return std::uniform_int_distribution<size_t>(0, bound - 1)(engine_); }
  bool one_in(size_t chance) { return below(chance) == 0; }
  template <class List>
  auto pick(const List& list) {
    return list[below(std::size(list))];
  }

 private:
  std::mt19937_64 engine_;
};

constexpr std::array functions = {"vfs_read", "vfs_write", "vfs_unlink", "tcp_connect"};
constexpr std::array tracepoints = {"sched_switch", "sched_process_exec", "sys_enter"};
constexpr std::array hooks = {"file_open", "bprm_check_security", "socket_connect"};
constexpr std::array kfuncs = {"bpf_task_from_pid", "bpf_task_release", "bpf_cgroup_ancestor", "bpf_dynptr_slice_rdwr",
                               "bpf_rcu_read_lock"};
constexpr std::array helpers = {1U, 4U, 6U, 9U, 12U, 23U, 36U, 44U, 58U, 109U, 112U, 113U, 130U, 166U, 187U, 211U};
constexpr std::array cgroups = {"/gate-a", "/gate-a/b", "/gate-a/b/c", "/gate-ab"};
constexpr std::array<uint32_t, 3> ids = {0, 1000, 1001};

// What a program may be without the kernel finding fault with it before the gate looks at its instructions.
struct Form {
  unsigned type;
  unsigned attach_type;
  std::optional<TargetKind> target;
};
constexpr std::array<Form, 12> forms = {{{BPF_PROG_TYPE_SOCKET_FILTER, 0, {}},
                                         {BPF_PROG_TYPE_KPROBE, 0, {}},
                                         {BPF_PROG_TYPE_TRACEPOINT, 0, {}},
                                         {BPF_PROG_TYPE_XDP, 0, {}},
                                         {BPF_PROG_TYPE_SCHED_CLS, 0, {}},
                                         {BPF_PROG_TYPE_PERF_EVENT, 0, {}},
                                         {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_INGRESS, {}},
                                         {BPF_PROG_TYPE_CGROUP_SKB, BPF_CGROUP_INET_EGRESS, {}},
                                         {BPF_PROG_TYPE_TRACING, BPF_TRACE_FENTRY, TargetKind::Function},
                                         {BPF_PROG_TYPE_TRACING, BPF_TRACE_FEXIT, TargetKind::Function},
                                         {BPF_PROG_TYPE_TRACING, BPF_TRACE_RAW_TP, TargetKind::Tracepoint},
                                         {BPF_PROG_TYPE_LSM, BPF_LSM_MAC, TargetKind::LsmHook}}};

// Half of the time the word "any", or a rule left out; otherwise some of the names.
json some_of(Dice& dice, const manifest::Vocabulary& vocabulary, size_t chance) {
  json list = json::array();
  for (std::string_view name : vocabulary.names)
    if (dice.one_in(chance)) list.push_back(name);
  return list;
}

template <class List>
json some(Dice& dice, const List& from) {
  json list = json::array();
  for (const auto& item : from)
    if (dice.one_in(2)) list.push_back(item);
  return list;
}

template <class List>
void maybe_some(Dice& dice, json& object, const char* key, const List& from) {
  json list = dice.one_in(3) ? some(dice, from) : json::array();
  if (!list.empty()) object[key] = list;
}

json random_condition(Dice& dice) {
  json when = json::object();
  maybe_some(dice, when, "uids", ids);
  maybe_some(dice, when, "gids", ids);
  maybe_some(dice, when, "cgroups", cgroups);
  if (dice.one_in(4)) when["network_namespace"] = "initial";
  if (dice.one_in(4)) when["user_namespace"] = "initial";
  return when;
}

json random_helpers(Dice& dice) {
  if (dice.one_in(3)) return "read-only";
  json rule = json::object();
  if (dice.one_in(3)) rule["class"] = "read-only";
  for (unsigned helper : helpers)
    if (dice.one_in(3)) rule["deny"].push_back(manifest::name_of(manifest::kHelpers, helper));
  maybe_some(dice, rule, "deny_kfuncs", kfuncs);
  if (dice.one_in(3)) rule["allow_kfuncs"] = some(dice, kfuncs);
  if (dice.one_in(3)) {
    rule["allow"] = json::array();
    for (unsigned helper : helpers)
      if (dice.one_in(2)) rule["allow"].push_back(manifest::name_of(manifest::kHelpers, helper));
  }
  return rule.empty() ? json("any") : rule;
}

json random_grant(Dice& dice) {
  json grant = {{"commands", dice.one_in(2) ? json("any") : some_of(dice, manifest::kCommands, 2)}};
  if (dice.one_in(2)) grant["program_types"] = some_of(dice, manifest::kProgramTypes, 2);
  if (dice.one_in(2)) grant["map_types"] = some_of(dice, manifest::kMapTypes, 2);
  if (dice.one_in(2)) grant["attach_types"] = some_of(dice, manifest::kAttachTypes, 2);
  if (dice.one_in(2)) grant["helpers"] = random_helpers(dice);
  if (dice.one_in(4))
    grant["attach_to"] = {{"functions", dice.one_in(2) ? json::array({"vfs_*"}) : some(dice, functions)},
                          {"tracepoints", dice.one_in(2) ? json::array({"sched_*"}) : some(dice, tracepoints)},
                          {"lsm_hooks", some(dice, hooks)}};
  if (dice.one_in(2)) grant["when"] = random_condition(dice);
  // No call here is about signed programs, so this allows nothing.
  if (dice.one_in(6)) {
    grant["commands"] = "any";
    grant["signed_by"] = "any";
  }
  return grant;
}

json random_names(Dice& dice, size_t count) {
  json names = json::array();
  for (size_t i = 0; i < count; ++i)
    if (dice.one_in(2)) names.push_back("g" + std::to_string(i));
  if (names.empty()) names.push_back("none");
  return names;
}

int print_manifest(std::span<char*> arguments) {
  Dice dice(std::stoull(arguments[0]));
  const std::string keys = arguments[2];
  constexpr size_t grant_count = 5;
  json policy = {{"bpfgate", 1}, {"name", "oracle"}, {"sequence", std::stoull(arguments[1])}, {"mode", "enforce"}};
  for (size_t i = 0; i < grant_count; ++i) policy["grants"]["g" + std::to_string(i)] = random_grant(dice);
  policy["signers"] = {
      {{"name", "oracle"}, {"role", "loader"}, {"certificate", keys + "/loaders.pem"}},
      {{"name", "admins"}, {"role", "loader"}, {"certificate", keys + "/admins.pem"}, {"grant", "admin"}},
      {{"name", "libraries"}, {"role", "library"}, {"certificate", keys + "/libraries.pem"}}};
  policy["signers"][0]["grant"] = random_names(dice, grant_count);
  policy["default"]["grant"] = random_names(dice, grant_count);
  std::cout << policy.dump(1) << '\n';
  return 0;
}

Target random_target(Dice& dice, TargetKind kind) {
  if (kind == TargetKind::Function) return {kind, dice.pick(functions)};
  if (kind == TargetKind::Tracepoint) return {kind, dice.pick(tracepoints)};
  return {kind, dice.pick(hooks)};
}

Call random_load(Dice& dice) {
  Form form = dice.pick(forms);
  Call call{.command = BPF_PROG_LOAD, .program_type = form.type};
  call.attach_type = manifest::attach_type_of_load(form.type, form.attach_type);
  if (form.target) call.target = random_target(dice, *form.target);
  for (size_t count = dice.below(4); count > 0; --count) call.helpers.push_back(dice.pick(helpers));
  if (dice.one_in(3)) call.kfuncs.emplace_back(dice.pick(kfuncs));
  call.module_kfuncs = dice.one_in(10);
  return call;
}

Call random_call(Dice& dice) {
  if (dice.one_in(3)) return random_load(dice);
  Call call{.command = static_cast<unsigned>(dice.below(37))};
  if (call.command == BPF_PROG_LOAD) return random_load(dice);
  if (call.command == BPF_MAP_CREATE) call.map_type = dice.below(36);
  if (call.command == BPF_LINK_CREATE || call.command == BPF_PROG_ATTACH) call.attach_type = dice.below(62);
  if (call.command == BPF_RAW_TRACEPOINT_OPEN && dice.one_in(2)) call.attach_type = BPF_TRACE_RAW_TP;
  return call;
}

Caller random_caller(Dice& dice) {
  Caller caller;
  caller.uid = dice.pick(ids);
  for (size_t count = dice.below(3) + 1; count > 0; --count) caller.gids.push_back(dice.pick(ids));
  if (!dice.one_in(3)) caller.cgroup = dice.pick(cgroups);
  caller.initial_network = !dice.one_in(4);
  caller.initial_users = !dice.one_in(4);
  return caller;
}

// Unmarked processes have the default alone, others both; a call is granted where either grants it.
bool is_granted(const manifest::Manifest& policy, bool is_marked, const Caller& caller, const Call& call) {
  auto granted = [&](const std::vector<std::string>& grants) {
    return decide(policy, grants, caller, call).answer == manifest::Answer::Granted;
  };
  return (is_marked && granted(policy.signers.at(0).grants)) || granted(policy.default_grants);
}

std::string describe(const Call& call) {
  std::string text = manifest::name_of(manifest::kCommands, call.command);
  if (call.program_type) text += " " + manifest::name_of(manifest::kProgramTypes, *call.program_type);
  if (call.map_type) text += " " + manifest::name_of(manifest::kMapTypes, *call.map_type);
  if (call.attach_type) text += " " + manifest::name_of(manifest::kAttachTypes, *call.attach_type);
  if (call.target) text += " to " + call.target->name;
  for (unsigned helper : call.helpers) text += " " + manifest::name_of(manifest::kHelpers, helper);
  for (const std::string& name : call.kfuncs) text += " " + name;
  if (call.module_kfuncs) text += " and a module's";
  return text;
}

// What the gate's event about a refused call must tell.
json event_of(const Call& call) {
  auto name = [](const manifest::Vocabulary& vocabulary, const std::optional<unsigned>& number) {
    return number ? json(manifest::name_of(vocabulary, *number)) : json();
  };
  return {{"command", manifest::name_of(manifest::kCommands, call.command)},
          {"program_type", name(manifest::kProgramTypes, call.program_type)},
          {"map_type", name(manifest::kMapTypes, call.map_type)},
          {"attach_type", name(manifest::kAttachTypes, call.attach_type)}};
}

void forget_code(Call& call) {
  call.helpers.clear();
  call.kfuncs.clear();
  call.module_kfuncs = false;
}

// In another user namespace EPERM may be the kernel's own, which comes after the gate's: there the gate is held to its
// events, one for each call that is to be refused and none for the others, in this order. What a program calls is
// looked at behind the kernel's own refusal, so programs call nothing there.
class Expectation {
 public:
  explicit Expectation(const Caller& caller) : is_needed_(!caller.initial_users) {}

  void prepare(Call& call) const {
    if (is_needed_) forget_code(call);
  }
  void note(const Call& call, bool is_granted) {
    if (is_needed_ && !is_granted) refused_.push_back(event_of(call));
  }
  [[nodiscard]] bool leaves_open(bool expected, bool found) const { return is_needed_ && expected && !found; }

  bool append_to(const char* file) const {
    if (!is_needed_) return true;
    std::ofstream stream(file, std::ios::app);
    stream << json{{"pid", ::getpid()}, {"refused", refused_}}.dump() << std::endl;
    return stream.good();
  }

 private:
  bool is_needed_;
  json refused_ = json::array();
};

struct Comparison {
  const manifest::Manifest& policy;
  const btf* types;
  size_t count;  // of calls
  bool is_marked;
  const char* expected;  // file
};

int compare_one_caller(const Comparison& comparison, Dice& dice) {
  Caller caller = random_caller(dice);
  if (!vm::become(caller)) return could_not_try;
  Expectation expectation(caller);
  int status = allowed;
  size_t granted = 0;
  for (size_t i = 0; i < comparison.count; ++i) {
    Call call = random_call(dice);
    expectation.prepare(call);
    bool expected = is_granted(comparison.policy, comparison.is_marked, caller, call);
    bool found = vm::perform(call, comparison.types) != EPERM;
    expectation.note(call, expected);
    granted += expected ? 1 : 0;
    if (expected == found || expectation.leaves_open(expected, found)) continue;
    std::printf("uid %u, cgroup %s: %s: the kernel says %s\n", caller.uid, caller.cgroup.c_str(),
                describe(call).c_str(), found ? "yes" : "no");
    status = denied;
  }
  std::printf("%zu calls, %zu granted\n", comparison.count, granted);
  return expectation.append_to(comparison.expected) ? status : could_not_try;
}

int wait_for(pid_t child) {
  int status = 0;
  if (child < 0 || ::waitpid(child, &status, 0) < 0 || !WIFEXITED(status)) return could_not_try;
  return WEXITSTATUS(status);
}

int compare(std::span<char*> arguments) {
  constexpr size_t callers = 5;
  auto policy = manifest::load(arguments[0]);
  Btf types(btf__load_vmlinux_btf());
  if (!policy || !types) return could_not_try;
  Dice dice(std::stoull(arguments[1]));
  int worst = allowed;
  for (size_t i = 0; i < callers; ++i) {
    Dice own(std::stoull(arguments[1]) * callers + i);
    pid_t child = ::fork();
    if (child == 0) {
      Comparison comparison{*policy, types.get(), std::stoul(arguments[2]) / callers,
                            std::strcmp(arguments[3], "marked") == 0, arguments[4]};
      int status = compare_one_caller(comparison, own);
      std::fflush(stdout);
      ::_exit(status);
    }
    worst = std::max(worst, wait_for(child));
  }
  return worst;
}

// The parts of an event that were expected, of one process, in the order of time.
json events_of(const json& output, const json& pid) {
  json list = json::array();
  for (const json& event : output.at("events")) {
    if (event.at("pid") != pid || event.at("kind") != "refused") continue;
    json part;
    for (const char* key : {"command", "program_type", "map_type", "attach_type"}) part[key] = event.at(key);
    list.push_back(part);
  }
  return list;
}

// EXPECTED has a line for each process. None at all would prove nothing: the number of refusals is printed.
int agree(std::span<char*> arguments) {
  std::ifstream expected(arguments[0]);
  std::ifstream events(arguments[1]);
  json output = json::parse(events);
  int status = allowed;
  size_t count = 0;
  for (std::string line; std::getline(expected, line);) {
    json process = json::parse(line);
    json found = events_of(output, process.at("pid"));
    count += found.size();
    if (found == process.at("refused")) continue;
    std::cout << "process " << process.at("pid") << ": expected " << process.at("refused") << ", reported " << found
              << '\n';
    status = denied;
  }
  std::cout << count << " refusals reported\n";
  return status;
}

unsigned number(const manifest::Vocabulary& vocabulary, const std::string& name) {
  auto found = manifest::number_of(vocabulary, name);
  if (found) return *found;
  std::cerr << found.error().message << '\n';
  std::exit(could_not_try);
}

void take_argument(const std::string& key, const std::string& value, Call& call, Caller& caller) {
  if (key == "program_type") call.program_type = number(manifest::kProgramTypes, value);
  if (key == "map_type") call.map_type = number(manifest::kMapTypes, value);
  if (key == "attach_type") call.attach_type = number(manifest::kAttachTypes, value);
  if (key == "helper") call.helpers.push_back(number(manifest::kHelpers, value));
  // Numbers that have no name.
  if (key == "attach_number") call.attach_type = static_cast<uint32_t>(std::stoul(value, nullptr, 0));
  if (key == "helper_number") call.helpers.push_back(static_cast<uint32_t>(std::stoul(value, nullptr, 0)));
  if (key == "kfunc") call.kfuncs.push_back(value);
  if (key == "module") call.module_kfuncs = true;
  if (key == "function") call.target = Target{TargetKind::Function, value};
  if (key == "tracepoint") call.target = Target{TargetKind::Tracepoint, value};
  if (key == "hook") call.target = Target{TargetKind::LsmHook, value};
  if (key == "uid") caller.uid = static_cast<uint32_t>(std::stoul(value));
  if (key == "gid") caller.gids.push_back(static_cast<uint32_t>(std::stoul(value)));
  if (key == "cgroup") caller.cgroup = value;
  if (key == "network") caller.initial_network = value == "initial";
  if (key == "users") caller.initial_users = value == "initial";
}

int call_once(std::span<char*> arguments) {
  Call call{.command = number(manifest::kCommands, arguments[0])};
  Caller caller;
  for (char* argument : arguments.subspan(1)) {
    std::string text = argument;
    size_t equals = text.find('=');
    if (equals == std::string::npos) return could_not_try;
    take_argument(text.substr(0, equals), text.substr(equals + 1), call, caller);
  }
  Btf types(btf__load_vmlinux_btf());
  if (!types || !vm::become(caller)) return could_not_try;
  return vm::perform(call, types.get()) == EPERM ? denied : allowed;
}

// What kernels before 6.18 refuse by themselves, with EACCES.
int write_registers() {
  constexpr int16_t instruction_pointer = 128;  // in struct pt_regs of x86-64
  bpf_insn code[] = {{BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 0},
                     {BPF_STX | BPF_MEM | BPF_DW, 1, 0, instruction_pointer, 0},
                     {BPF_JMP | BPF_EXIT, 0, 0, 0, 0}};
  bpf_attr attr = {};
  attr.prog_type = BPF_PROG_TYPE_KPROBE;
  attr.insns = reinterpret_cast<uintptr_t>(code);
  attr.insn_cnt = 3;
  attr.license = reinterpret_cast<uintptr_t>("GPL");
  if (::syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)) >= 0) return allowed;
  return errno == EPERM ? denied : 3;
}

}  // namespace

int main(int count, char** values) {
  std::span<char*> arguments(values, static_cast<size_t>(count));
  std::string verb = count > 1 ? values[1] : "";
  if (verb == "write-registers") return write_registers();
  if (verb == "call" && count > 2) return call_once(arguments.subspan(2));
  if (verb == "manifest" && count == 5) return print_manifest(arguments.subspan(2));
  if (verb == "compare" && count == 7) return compare(arguments.subspan(2));
  if (verb == "agree" && count == 4) return agree(arguments.subspan(2));
  std::cerr << "usage: oracle call|manifest|compare|agree ...\n";
  return could_not_try;
}
