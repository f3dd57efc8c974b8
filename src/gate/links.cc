// SPDX-License-Identifier: MIT
#include "gate/links.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "gate/pins.h"

namespace bpfgate::gate {
namespace {

template <size_t Size>
std::string text_of(const char (&text)[Size]) {
  return {text, ::strnlen(text, Size)};
}

Result<UniqueFd> program_of(int link) {
  bpf_link_info info = {};
  uint32_t size = sizeof(info);
  if (bpf_link_get_info_by_fd(link, &info, &size) != 0) return fail_errno("describe a link");
  UniqueFd program(bpf_prog_get_fd_by_id(info.prog_id));
  if (program) return program;
  if (errno != ENOENT && errno != EPERM) return fail_errno("open a program");
  return fail(ErrorKind::Refused, "the gate does not let this program open its programs",
              "Sign and seal it, and give its signer the grant \"admin\".");
}

Result<bpf_prog_info> describe(int program, std::vector<uint32_t>& maps) {
  bpf_prog_info info = {};
  uint32_t size = sizeof(info);
  info.nr_map_ids = static_cast<uint32_t>(maps.size());
  info.map_ids = reinterpret_cast<uintptr_t>(maps.data());
  if (bpf_prog_get_info_by_fd(program, &info, &size) != 0) return fail_errno("describe a program");
  maps.resize(std::min<size_t>(maps.size(), info.nr_map_ids));
  return info;
}

}  // namespace

Result<std::vector<Link>> open_links(const std::filesystem::path& pin_directory) {
  std::vector<Link> links;
  TRY_ASSIGN(std::optional<PinDirectory> pins, PinDirectory::open(find_pins(pin_directory)));
  if (!pins) return links;
  TRY_ASSIGN(std::vector<std::string> names, pins->names());
  for (const std::string& name : names) {
    TRY_ASSIGN(UniqueFd fd, pins->open_link(name));
    links.push_back({name, std::move(fd)});
  }
  return links;
}

Result<std::string> program_of_link(int link) {
  TRY_ASSIGN(UniqueFd program, program_of(link));
  std::vector<uint32_t> no_maps;
  TRY_ASSIGN(bpf_prog_info info, describe(program.get(), no_maps));
  return text_of(info.name);
}

Result<UniqueFd> map_of_link(int link, const MapName& wanted) {
  TRY_ASSIGN(UniqueFd program, program_of(link));
  std::vector<uint32_t> ids(64);
  TRY(describe(program.get(), ids));
  for (uint32_t id : ids) {
    UniqueFd map(bpf_map_get_fd_by_id(id));
    if (!map && errno == ENOENT) continue;  // the guard hides what is nobody's business
    if (!map) return fail_errno("open map " + std::to_string(id));
    bpf_map_info info = {};
    uint32_t size = sizeof(info);
    if (bpf_map_get_info_by_fd(map.get(), &info, &size) != 0) return fail_errno("describe map " + std::to_string(id));
    if (text_of(info.name) == wanted.name && info.value_size == wanted.value_size) return map;
  }
  return fail(ErrorKind::Refused, std::string("the gate shows this program no map ") + wanted.name,
              "Sign and seal it, and give its signer the grant \"admin\"; or use the bpfgate that loaded the gate.");
}

std::vector<std::string> unpinned(const std::vector<Link>& held, const std::filesystem::path& pin_directory) {
  std::vector<std::string> missing;
  for (const Link& link : held)
    if (!is_there(link_path(find_pins(pin_directory), link.program))) missing.push_back(link.program);
  return missing;
}

}  // namespace bpfgate::gate
