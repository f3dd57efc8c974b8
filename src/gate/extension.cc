// SPDX-License-Identifier: MIT
#include "gate/extension.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstring>

#include "base/io.h"
#include "crypto/crypto.h"
#include "gate/libbpf_log.h"
#include "gate/pins.h"

namespace bpfgate::gate {
namespace {

// What it takes the place of, in bpf/last_word.bpf.h.
constexpr const char* replaced_function = "gate_last_word";
constexpr size_t max_object_bytes = size_t{4} << 20;
constexpr size_t max_maps = 16;  // all it has is guarded, and there is room for so many objects

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

// A map pinned by its name would be one that others may have made.
Result<> check_maps(const std::string& path, const bpf_object* object) {
  size_t count = 0;
  const bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    if (bpf_map__pin_path(map) != nullptr)
      return unfit(path, std::string("map ") + bpf_map__name(map) + " is to be pinned");
    if (++count > max_maps) return unfit(path, "it has more than " + std::to_string(max_maps) + " maps");
  }
  return {};
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
  TRY(check_maps(named.path, object.get()));
  return Extension(named.path, std::move(object), program);
}

Result<> Extension::attach(int gate_program, const std::filesystem::path& pin_directory) {
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
