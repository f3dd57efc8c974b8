// SPDX-License-Identifier: MIT
#include "sign/bpf_use.h"

#include <algorithm>
#include <array>
#include <set>
#include <span>
#include <string_view>

#include "sign/elf.h"
#include "sign/search.h"

namespace bpfgate::sign {
namespace {

using namespace std::string_view_literals;

constexpr std::array libraries = {"libbpf.so"sv, "libbcc.so"sv, "libbcc_bpf.so"sv, "libxdp.so"sv, "libbpfilter.so"sv};

// What is left in a program of a library that was linked into it: the words before its messages, or the names that its
// language keeps. The one but last is in whatever reads or has BPF objects in it: the section of their function
// records.
struct Clue {
  std::string_view text;
  std::string_view use;
};
constexpr std::array clues = {
    Clue{"libbpf: "sv, "has libbpf built in"sv},
    Clue{"github.com/cilium/ebpf"sv, "has cilium/ebpf built in"sv},
    Clue{"github.com/iovisor/gobpf"sv, "has gobpf built in"sv},
    Clue{"aya_obj::"sv, "has aya built in"sv},
    Clue{"\0.BTF.ext\0"sv, "has a BPF object or its loader built in"sv},
    Clue{"\0libbpf.so."sv, "opens libbpf"sv},
};
// A library that can open libbpf says little: one like libsystemd-shared does so for a few of its many users.
constexpr size_t clues_of_libraries = clues.size() - 1;

const std::vector<std::string>& texts() {
  static const std::vector<std::string> made = [] {
    std::vector<std::string> list;
    list.reserve(clues.size());
    for (const Clue& clue : clues) list.emplace_back(clue.text);
    return list;
  }();
  return made;
}

bool is_bpf_library(std::string_view name) {
  return std::ranges::any_of(libraries, [&](std::string_view library) { return name.starts_with(library); });
}

std::optional<std::string> needed_library(const Elf& elf) {
  auto needed = std::ranges::find_if(elf.needed, is_bpf_library);
  if (needed == elf.needed.end()) return std::nullopt;
  return "needs " + *needed;
}

Result<std::optional<std::string>> built_in(int fd, size_t clue_count) {
  TRY_ASSIGN(std::optional<size_t> found, find_any(fd, std::span(texts()).first(clue_count)));
  if (!found) return std::nullopt;
  return std::string(clues[*found].use);
}

}  // namespace

Result<> BpfLibraries::add(int fd, const std::vector<std::string>& names) {
  TRY_ASSIGN(std::optional<Elf> elf, read_elf(fd));
  if (!elf || elf->is_program || !elf->is_dynamic) return {};
  Library library;
  library.use = needed_library(*elf);
  if (!library.use) {
    TRY_ASSIGN(library.use, built_in(fd, clues_of_libraries));
  }
  library.needed = std::move(elf->needed);
  if (!elf->soname.empty()) library.names.push_back(elf->soname);
  for (const std::string& name : names) library.names.push_back(name.substr(name.rfind('/') + 1));
  libraries_.push_back(std::move(library));
  return {};
}

const BpfLibraries::Library* BpfLibraries::find(const std::string& name) const {
  auto found = std::ranges::find_if(libraries_, [&](const Library& library) {
    return std::ranges::find(library.names, name) != library.names.end();
  });
  return found == libraries_.end() ? nullptr : &*found;
}

// Libraries may need each other in circles.
std::optional<std::string> BpfLibraries::use_of(const std::string& name) const {
  std::vector<std::string> to_ask = {name};
  std::set<const Library*> asked;
  while (!to_ask.empty()) {
    const Library* library = find(to_ask.back());
    to_ask.pop_back();
    if (library == nullptr || !asked.insert(library).second) continue;
    if (library->use) return library->use;
    to_ask.insert(to_ask.end(), library->needed.begin(), library->needed.end());
  }
  return std::nullopt;
}

Result<std::optional<std::string>> bpf_use(int fd, const BpfLibraries& beside) {
  TRY_ASSIGN(std::optional<Elf> elf, read_elf(fd));
  if (!elf || !elf->is_program) return std::nullopt;
  if (auto needed = needed_library(*elf)) return needed;
  TRY_ASSIGN(std::optional<std::string> own, built_in(fd, clues.size()));
  if (own) return own;
  for (const std::string& needed : elf->needed)
    if (auto use = beside.use_of(needed)) return "needs " + needed + ", which " + *use;
  return std::nullopt;
}

}  // namespace bpfgate::sign
