// SPDX-License-Identifier: MIT
#include "gate/extension.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>

#include "base/io.h"
#include "crypto/crypto.h"
#include "gate/libbpf_log.h"
#include "gate/pins.h"
#include "gate_extension.h"

namespace bpfgate::gate {
namespace {

// What it takes the place of, in bpf/last_word.bpf.h.
constexpr const char* replaced_function = "gate_last_word";
constexpr size_t max_object_bytes = size_t{4} << 20;
constexpr size_t max_maps = 16;  // all it has is guarded, and there is room for so many objects

constexpr const char* question_struct = "gate_question_1";

bool is_for_mapping(bpf_map_type type) {
  return type == BPF_MAP_TYPE_ARENA || type == BPF_MAP_TYPE_RINGBUF || type == BPF_MAP_TYPE_USER_RINGBUF;
}

Failure unfit(const std::string& path, const std::string& what) {
  return fail(ErrorKind::Refused, path + " (extension): " + what,
              "See bpf/gate_extension.h for what an extension is made of.");
}

Result<> check_digest(const manifest::Extension& named, const Bytes& content) {
  auto digest = crypto::sha256(content);
  if (std::ranges::equal(digest, named.digest)) return {};
  return fail(ErrorKind::Refused,
              named.path + ": its digest is sha256:" + to_hex(digest) +
                  ", the manifest has sha256:" + to_hex(named.digest) + " (/extension/digest)",
              "Restore the file, or list its digest where you know what has changed.");
}

// A map pinned by its name would be one that others may have made, and who maps one into its memory keeps a hand on it
// without a descriptor that could be found.
Result<> prepare_maps(const std::string& path, const bpf_object* object) {
  size_t count = 0;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = bpf_map__name(map);
    if (bpf_map__pin_path(map) != nullptr) return unfit(path, "map " + name + " is to be pinned");
    if (is_for_mapping(bpf_map__type(map)))
      return unfit(path, "map " + name + " is one that processes write by mapping it");
    if (bpf_map__set_map_flags(map, bpf_map__map_flags(map) & ~static_cast<unsigned>(BPF_F_MMAPABLE)) != 0)
      return libbpf_failure("set flags of map " + name + " of " + path);
    if (++count > max_maps) return unfit(path, "it has more than " + std::to_string(max_maps) + " maps");
  }
  return {};
}

// The kernel compares the struct's name alone, and lets a program read as much as its own idea of it has.
Result<> check_question(const std::string& path, const bpf_object* object) {
  const btf* types = bpf_object__btf(object);
  int id = types == nullptr ? -1 : btf__find_by_name_kind(types, question_struct, BTF_KIND_STRUCT);
  if (id < 0) return unfit(path, std::string("it has no struct ") + question_struct);
  if (btf__type_by_id(types, static_cast<uint32_t>(id))->size == sizeof(gate_question_1)) return {};
  return unfit(path, std::string("its struct ") + question_struct + " has another size");
}

Result<bpf_program*> only_program(const std::string& path, const bpf_object* object) {
  bpf_program* program = bpf_object__next_program(object, nullptr);
  if (program == nullptr || bpf_object__next_program(object, program) != nullptr)
    return unfit(path, "it has not one program");
  if (std::strcmp(bpf_program__name(program), extension_program) != 0 ||
      std::string("freplace/") + replaced_function != bpf_program__section_name(program))
    return unfit(path, std::string("its program is not ") + extension_program + "() in section \"freplace/" +
                           replaced_function + "\"");
  return program;
}

}  // namespace

bool has_extension(const gate_policy& policy) {
  return std::any_of(std::begin(policy.extension), std::end(policy.extension), [](uint8_t byte) { return byte != 0; });
}

void Extension::Deleter::operator()(bpf_object* object) const { bpf_object__close(object); }
void Extension::Deleter::operator()(bpf_link* link) const { bpf_link__destroy(link); }

Result<Extension> Extension::open(const manifest::Extension& named, bool verbose) {
  watch_libbpf(verbose);
  TRY_ASSIGN(Bytes content, read_file(named.path, max_object_bytes));
  TRY(check_digest(named, content));
  bpf_object_open_opts options = {};
  options.sz = sizeof(options);
  options.object_name = extension_program;
  std::unique_ptr<bpf_object, Deleter> object(bpf_object__open_mem(content.data(), content.size(), &options));
  if (!object) return libbpf_failure("open " + named.path);
  TRY_ASSIGN(bpf_program * program, only_program(named.path, object.get()));
  TRY(prepare_maps(named.path, object.get()));
  TRY(check_question(named.path, object.get()));
  return Extension(named.path, std::move(object), program, verbose);
}

Result<> Extension::attach(int gate_program, const std::filesystem::path& pin_directory) {
  watch_libbpf(verbose_);
  if (bpf_program__set_attach_target(program_, gate_program, replaced_function) != 0 ||
      bpf_object__load(object_.get()) != 0)
    return libbpf_failure("load " + path_);
  link_.reset(bpf_program__attach(program_));
  if (!link_) return libbpf_failure("attach " + path_);
  if (bpf_link__pin(link_.get(), link_path(pin_directory, extension_program).c_str()) != 0)
    return libbpf_failure("pin " + path_);
  return {};
}

Result<> Extension::append_to(std::vector<Guarded>& objects) const {
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object_.get()) {
    if (bpf_map__fd(map) >= 0) TRY(append_map(bpf_map__fd(map), GATE_FOR_ADMINISTRATORS, objects));
  }
  TRY(append_program(bpf_program__fd(program_), objects));
  return append_link(bpf_link__fd(link_.get()), objects);
}

}  // namespace bpfgate::gate
