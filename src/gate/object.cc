// SPDX-License-Identifier: MIT
#include "gate/object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <sys/stat.h>

#include <algorithm>
#include <span>

#include "crypto/crypto.h"
#include "gate.skel.h"
#include "gate/guard.h"
#include "gate/libbpf_log.h"
#include "gate/links.h"
#include "gate/pins.h"

namespace bpfgate::gate {
namespace {

// Process 1 of the host is in the host's; in a container this program has no business.
Result<uint32_t> initial_network() {
  struct stat network = {};
  if (::stat("/proc/1/ns/net", &network) != 0) return fail_errno("read /proc/1/ns/net");
  return static_cast<uint32_t>(network.st_ino);
}

// As many judgements as get anywhere at once: a processor works on one, and few wait for a disk.
uint32_t slots_of_machine() {
  return std::clamp<uint32_t>(static_cast<uint32_t>(std::max(libbpf_num_possible_cpus(), 0)) * 8, 16,
                              GATE_SCRATCH_SLOTS);
}

Result<> configure(gate_skeleton& skeleton, const Kernel& kernel, const LoadOptions& options) {
  TRY_ASSIGN(skeleton.rodata->initial_network, initial_network());
  skeleton.rodata->keep_verdicts = kernel.has_post_xattr_hooks;
  skeleton.rodata->follow_volumes = kernel.has_volumes;
  skeleton.rodata->scratch_slots = options.scratch_slots != 0 ? options.scratch_slots : slots_of_machine();
  if (options.scratch_steps != 0) skeleton.rodata->scratch_steps = options.scratch_steps;
  Bytes hash = build_hash();
  std::copy(hash.begin(), hash.end(), skeleton.rodata_about->about.build_hash);
  return {};
}

// Whoever maps these keeps a hand on them without a descriptor that could be found. Nobody needs to.
Result<> forbid_mapping(const gate_skeleton& skeleton) {
  for (bpf_map* map : {skeleton.maps.data_active, skeleton.maps.data_sealed, skeleton.maps.bss}) {
    if (bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~static_cast<unsigned>(BPF_F_MMAPABLE)) != 0)
      return libbpf_failure("set map flags");
  }
  return {};
}

Result<> choose_programs(const bpf_object* object, const Kernel& kernel) {
  std::vector<std::string> wanted = programs_for(kernel);
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    std::string name = bpf_program__name(program);
    bool is_wanted = name == sysctl_program || name == marks_program ||
                     std::find(wanted.begin(), wanted.end(), name) != wanted.end();
    if (bpf_program__set_autoload(program, is_wanted) != 0) return libbpf_failure("choose programs");
  }
  return {};
}

}  // namespace

std::vector<std::string> programs_for(const Kernel& kernel) {
  std::vector<std::string> programs = {
      "guard_map",     "guard_program",    "guard_unlink", "guard_rmdir",   "guard_rename",    "guard_setattr",
      "guard_mount",   "guard_move_mount", "guard_umount", "guard_remount", "guard_create",    "guard_mkdir",
      "guard_symlink", "guard_hard_link",  "guard_key",    "gate_setxattr", "gate_removexattr"};
  programs.emplace_back(kernel.load_hook_has_kernel_argument ? "gate_load" : "gate_load_3");
  if (kernel.has_volumes) programs.insert(programs.begin(), volume_programs.begin(), volume_programs.end());
  if (kernel.has_post_xattr_hooks) {
    programs.emplace_back("gate_post_setxattr");
    programs.emplace_back("gate_post_removexattr");
  }
  for (const char* name : {"gate_mmap", "gate_mprotect", "gate_ptrace", "gate_traceme", "gate_prctl", "gate_forked",
                           "gate_fork", "gate_exec", "gate_exec_done"})
    programs.emplace_back(name);
  programs.emplace_back(kernel.bpf_hook_has_kernel_argument ? "gate_bpf" : "gate_bpf_3");
  return programs;
}

std::vector<std::string> missing_programs(const Kernel& kernel, const gate_policy& policy,
                                          const std::vector<std::string>& attached) {
  auto is_attached = [&](const std::string& name) { return std::ranges::find(attached, name) != attached.end(); };
  std::vector<std::string> wanted = programs_for(kernel);
  wanted.emplace_back(sysctl_program);
  if (has_extension(policy)) wanted.emplace_back(extension_program);
  if (std::ranges::none_of(volume_programs, is_attached))
    std::erase_if(wanted, [](const std::string& name) {
      return std::ranges::find(volume_programs, name) != volume_programs.end();
    });
  std::erase_if(wanted, is_attached);
  return wanted;
}

Bytes build_hash() {
  size_t size = 0;
  const void* elf = gate_skeleton__elf_bytes(&size);
  auto hash = crypto::sha256({static_cast<const uint8_t*>(elf), size});
  return {hash.begin(), hash.end()};
}

Object::Object(std::unique_ptr<gate_skeleton, Deleter> skeleton, std::optional<Extension> extension)
    : skeleton_(std::move(skeleton)), extension_(std::move(extension)) {}
Object::Object(Object&&) noexcept = default;
Object& Object::operator=(Object&&) noexcept = default;
Object::~Object() = default;

void Object::Deleter::operator()(gate_skeleton* skeleton) const { gate_skeleton__destroy(skeleton); }
void Object::Deleter::operator()(bpf_link* link) const { bpf_link__destroy(link); }

Result<Object> Object::load(const Kernel& kernel, const LoadOptions& options, std::optional<Extension> extension) {
  watch_libbpf(options.verbose);
  std::unique_ptr<gate_skeleton, Deleter> skeleton(gate_skeleton__open());
  if (!skeleton) return libbpf_failure("open the BPF object");
  TRY(configure(*skeleton, kernel, options));
  skeleton->rodata->has_extension = extension.has_value();
  if (bpf_map__set_max_entries(skeleton->maps.scratch, skeleton->rodata->scratch_slots) != 0)
    return libbpf_failure("size map scratch");
  TRY(choose_programs(skeleton->obj, kernel));
  TRY(forbid_mapping(*skeleton));
  if (gate_skeleton__load(skeleton.get()) != 0) return libbpf_failure("load the gate");
  return Object(std::move(skeleton), std::move(extension));
}

PolicyMaps Object::policy_maps() const {
  return {bpf_map__fd(skeleton_->maps.data_active),   bpf_map__fd(skeleton_->maps.policies),
          bpf_map__fd(skeleton_->maps.signers),       bpf_map__fd(skeleton_->maps.grants),
          bpf_map__fd(skeleton_->maps.cgroups),       bpf_map__fd(skeleton_->maps.functions),
          bpf_map__fd(skeleton_->maps.digests),       bpf_map__fd(skeleton_->maps.authorities),
          bpf_map__fd(skeleton_->maps.volume_loaders)};
}

Result<> Object::attach(const std::string& program, const std::filesystem::path& pin_directory) {
  bpf_program* found = bpf_object__find_program_by_name(skeleton_->obj, program.c_str());
  if (found == nullptr) return fail(ErrorKind::Failed, "this build has no program " + program);
  std::unique_ptr<bpf_link, Deleter> link(bpf_program__attach(found));
  if (!link) return libbpf_failure("attach " + program);
  links_.push_back(std::move(link));
  if (bpf_link__pin(links_.back().get(), link_path(pin_directory, program).c_str()) != 0)
    return libbpf_failure("pin " + program);
  return {};
}

Result<> Object::attach_extension(const Kernel& kernel, const std::filesystem::path& pin_directory) {
  if (!extension_) return {};
  const bpf_program* asking =
      kernel.bpf_hook_has_kernel_argument ? skeleton_->progs.gate_bpf : skeleton_->progs.gate_bpf_3;
  return extension_->attach(bpf_program__fd(asking), pin_directory);
}

Result<> Object::pin_marks(const std::filesystem::path& pin_directory) {
  if (bpf_program__pin(skeleton_->progs.gate_marks, (pin_directory / marks_program).c_str()) != 0)
    return libbpf_failure(std::string("pin ") + marks_program);
  return {};
}

Result<> Object::bind_maps() {
  bpf_program* anchor = bpf_object__find_program_by_name(skeleton_->obj, anchor_program);
  for (const bpf_map* map :
       {skeleton_->maps.rodata_about, skeleton_->maps.data_active, skeleton_->maps.data_sealed,
        skeleton_->maps.policies, skeleton_->maps.signers, skeleton_->maps.grants, skeleton_->maps.cgroups,
        skeleton_->maps.functions, skeleton_->maps.digests, skeleton_->maps.authorities, skeleton_->maps.volume_loaders,
        skeleton_->maps.counters, skeleton_->maps.guarded, skeleton_->maps.events}) {
    if (bpf_prog_bind_map(bpf_program__fd(anchor), bpf_map__fd(map), nullptr) != 0)
      return libbpf_failure(std::string("bind map ") + bpf_map__name(map));
  }
  return {};
}

Result<> Object::seal() { return write_seal(bpf_map__fd(skeleton_->maps.data_sealed), GATE_SEALED); }

Result<> Object::detach_sysctl() {
  TRY_ASSIGN(std::vector<uint32_t> programs, attached_sysctl(bpf_map__fd(skeleton_->maps.guarded)));
  return gate::detach_sysctl(programs);
}

Result<> Object::guard(const std::filesystem::path& pin_directory, const std::filesystem::path& new_root) {
  std::vector<Guarded> objects;
  const auto& maps = skeleton_->maps;
  const bpf_map* internal[] = {maps.tasks,   maps.verdicts, maps.vouchers, maps.scratch,
                               maps.devices, maps.ways,     maps.bss,      maps.rodata};
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, skeleton_->obj) {
    bool is_internal = std::find(std::begin(internal), std::end(internal), map) != std::end(internal);
    TRY(append_map(bpf_map__fd(map), is_internal ? GATE_FOR_NOBODY : GATE_FOR_ADMINISTRATORS, objects));
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, skeleton_->obj) {
    if (bpf_program__fd(program) >= 0) TRY(append_program(bpf_program__fd(program), objects));
  }
  for (const auto& link : links_) TRY(append_link(bpf_link__fd(link.get()), objects));
  if (extension_) TRY(extension_->append_to(objects));
  TRY(append_pins(pin_directory, new_root, objects));
  TRY(write_guarded(bpf_map__fd(skeleton_->maps.guarded), objects));
  return attach_sysctl(bpf_program__fd(skeleton_->progs.guard_sysctl));
}

}  // namespace bpfgate::gate
