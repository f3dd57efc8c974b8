// SPDX-License-Identifier: MIT
#include "sign/bpf_use.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <vector>

#include "sign/elf.h"
#include "sign/search.h"

namespace bpfgate::sign {
namespace {

using namespace std::string_view_literals;

constexpr std::array libraries = {"libbpf.so"sv, "libbcc.so"sv, "libbcc_bpf.so"sv, "libxdp.so"sv, "libbpfilter.so"sv};

// What is left in a program of a library that was linked into it: the words before its messages, or the names that its
// language keeps. The last is in whatever reads or has BPF objects in it: the section of their function records.
struct Mark {
  std::string_view text;
  std::string_view library;
};
constexpr std::array marks = {
    Mark{"libbpf: "sv, "libbpf"sv},
    Mark{"github.com/cilium/ebpf"sv, "cilium/ebpf"sv},
    Mark{"github.com/iovisor/gobpf"sv, "gobpf"sv},
    Mark{"aya_obj::"sv, "aya"sv},
    Mark{"\0.BTF.ext\0"sv, "a BPF object or its loader"sv},
};

const std::vector<std::string>& texts() {
  static const std::vector<std::string> made = [] {
    std::vector<std::string> list;
    list.reserve(marks.size());
    for (const Mark& mark : marks) list.emplace_back(mark.text);
    return list;
  }();
  return made;
}

bool is_bpf_library(std::string_view name) {
  return std::ranges::any_of(libraries, [&](std::string_view library) { return name.starts_with(library); });
}

}  // namespace

Result<std::optional<std::string>> bpf_use(int fd) {
  TRY_ASSIGN(std::optional<Elf> elf, read_elf(fd));
  if (!elf || !elf->is_program) return std::nullopt;
  if (auto needed = std::ranges::find_if(elf->needed, is_bpf_library); needed != elf->needed.end())
    return "needs " + *needed;
  TRY_ASSIGN(std::optional<size_t> found, find_any(fd, texts()));
  if (!found) return std::nullopt;
  return "has " + std::string(marks[*found].library) + " built in";
}

}  // namespace bpfgate::sign
