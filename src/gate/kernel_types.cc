// SPDX-License-Identifier: MIT
#include "gate/kernel_types.h"

#include <bpf/btf.h>
#include <fnmatch.h>

#include <string_view>

namespace bpfgate::gate {
namespace {

// What the kernel declares for each raw tracepoint, and for each hook (include/trace/bpf_probe.h,
// kernel/bpf/bpf_lsm.c).
constexpr std::string_view tracepoint_prefix = "btf_trace_";
constexpr std::string_view hook_prefix = "bpf_lsm_";

}  // namespace

void KernelTypes::Deleter::operator()(btf* types) const { btf__free(types); }
KernelTypes::KernelTypes(std::unique_ptr<btf, Deleter> types) : types_(std::move(types)) {}
KernelTypes::KernelTypes(KernelTypes&&) noexcept = default;
KernelTypes& KernelTypes::operator=(KernelTypes&&) noexcept = default;
KernelTypes::~KernelTypes() = default;

Result<KernelTypes> KernelTypes::open() {
  std::unique_ptr<btf, Deleter> types(btf__load_vmlinux_btf());
  if (types) return KernelTypes(std::move(types));
  return fail(ErrorKind::Unsupported, "this kernel describes no types of its own (/sys/kernel/btf/vmlinux)",
              "Use a kernel built with CONFIG_DEBUG_INFO_BTF=y.");
}

std::optional<uint32_t> KernelTypes::function(const std::string& name) const {
  int id = btf__find_by_name_kind(types_.get(), name.c_str(), BTF_KIND_FUNC);
  if (id <= 0) return std::nullopt;
  return static_cast<uint32_t>(id);
}

int KernelTypes::arity(const std::string& function) const {
  auto id = this->function(function);
  if (!id) return -1;
  const btf_type* prototype = btf__type_by_id(types_.get(), btf__type_by_id(types_.get(), *id)->type);
  return prototype != nullptr && btf_is_func_proto(prototype) ? btf_vlen(prototype) : -1;
}

std::vector<uint32_t> KernelTypes::matching(uint32_t kind, const std::string& prefix, const std::string& glob) const {
  std::vector<uint32_t> found;
  for (uint32_t id = 1; id < btf__type_cnt(types_.get()); ++id) {
    const btf_type* type = btf__type_by_id(types_.get(), id);
    if (btf_kind(type) != kind) continue;
    const char* text = btf__name_by_offset(types_.get(), type->name_off);
    if (text == nullptr || !std::string_view(text).starts_with(prefix)) continue;
    if (::fnmatch(glob.c_str(), text + prefix.size(), 0) == 0) found.push_back(id);
  }
  return found;
}

std::vector<uint32_t> KernelTypes::functions(const std::string& glob) const {
  std::vector<uint32_t> found = matching(BTF_KIND_FUNC, "", glob);
  std::erase_if(found, [this](uint32_t id) { return name(id).starts_with(hook_prefix); });
  return found;
}

std::vector<uint32_t> KernelTypes::tracepoints(const std::string& glob) const {
  return matching(BTF_KIND_TYPEDEF, std::string(tracepoint_prefix), glob);
}

std::vector<uint32_t> KernelTypes::lsm_hooks(const std::string& glob) const {
  return matching(BTF_KIND_FUNC, std::string(hook_prefix), glob);
}

std::string KernelTypes::name(uint32_t id) const {
  const btf_type* type = btf__type_by_id(types_.get(), id);
  if (type == nullptr || (btf_kind(type) != BTF_KIND_FUNC && btf_kind(type) != BTF_KIND_TYPEDEF)) return {};
  std::string_view text = btf__name_by_offset(types_.get(), type->name_off);
  if (btf_kind(type) == BTF_KIND_TYPEDEF && text.starts_with(tracepoint_prefix))
    text.remove_prefix(tracepoint_prefix.size());
  return std::string(text);
}

bool KernelTypes::module_has(const char* module, const char* name, uint32_t kind) const {
  if (btf__find_by_name_kind(types_.get(), name, kind) > 0) return true;
  std::unique_ptr<btf, Deleter> types(btf__load_module_btf(module, types_.get()));
  return types && btf__find_by_name_kind(types.get(), name, kind) > 0;
}

bool KernelTypes::has_enumerator(const char* enumeration, uint32_t value) const {
  int id = btf__find_by_name_kind(types_.get(), enumeration, BTF_KIND_ENUM);
  if (id <= 0) return false;
  const btf_type* type = btf__type_by_id(types_.get(), static_cast<uint32_t>(id));
  for (int i = 0; i < btf_vlen(type); ++i) {
    // The last one, __MAX_..., is the number of the others.
    if (btf_enum(type)[i].val != static_cast<int32_t>(value)) continue;
    std::string_view text = btf__name_by_offset(types_.get(), btf_enum(type)[i].name_off);
    if (!text.starts_with("__MAX")) return true;
  }
  return false;
}

bool KernelTypes::has_member(const char* structure, std::string_view member) const {
  int id = btf__find_by_name_kind(types_.get(), structure, BTF_KIND_STRUCT);
  if (id <= 0) return false;
  const btf_type* type = btf__type_by_id(types_.get(), static_cast<uint32_t>(id));
  for (int i = 0; i < btf_vlen(type); ++i) {
    const char* name = btf__name_by_offset(types_.get(), btf_members(type)[i].name_off);
    if (name != nullptr && name == member) return true;
  }
  return false;
}

}  // namespace bpfgate::gate
