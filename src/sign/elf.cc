// SPDX-License-Identifier: MIT
#include "sign/elf.h"

#include <gelf.h>
#include <unistd.h>

#include <cstring>
#include <memory>

namespace bpfgate::sign {
namespace {

// A damaged header may name any size. A string table of this size holds a million names.
constexpr size_t max_string_table = 64 << 20;
constexpr size_t max_dynamic_section = 1 << 20;

struct ElfDeleter {
  void operator()(::Elf* elf) const { elf_end(elf); }
};
using Handle = std::unique_ptr<::Elf, ElfDeleter>;

std::vector<GElf_Phdr> program_headers(::Elf* elf) {
  size_t count = 0;
  if (elf_getphdrnum(elf, &count) != 0) return {};
  std::vector<GElf_Phdr> headers;
  for (size_t i = 0; i < count; ++i) {
    GElf_Phdr header;
    if (gelf_getphdr(elf, static_cast<int>(i), &header) != nullptr) headers.push_back(header);
  }
  return headers;
}

const GElf_Phdr* find_header(const std::vector<GElf_Phdr>& headers, uint32_t type) {
  for (const GElf_Phdr& header : headers) {
    if (header.p_type == type) return &header;
  }
  return nullptr;
}

std::string chunk_text(::Elf* elf, uint64_t offset, uint64_t size) {
  if (size == 0 || size > max_string_table) return {};
  Elf_Data* data = elf_getdata_rawchunk(elf, static_cast<int64_t>(offset), size, ELF_T_BYTE);
  return data != nullptr ? std::string(static_cast<const char*>(data->d_buf), data->d_size) : std::string();
}

// The dynamic section knows addresses in memory only; the segments say where in the file those come from.
std::optional<uint64_t> file_offset(const std::vector<GElf_Phdr>& headers, uint64_t address) {
  for (const GElf_Phdr& header : headers) {
    if (header.p_type == PT_LOAD && address >= header.p_vaddr && address - header.p_vaddr < header.p_filesz)
      return header.p_offset + (address - header.p_vaddr);
  }
  return std::nullopt;
}

std::vector<GElf_Dyn> dynamic_entries(::Elf* elf, const GElf_Phdr& header) {
  if (header.p_filesz > max_dynamic_section) return {};
  Elf_Data* data = elf_getdata_rawchunk(elf, static_cast<int64_t>(header.p_offset), header.p_filesz, ELF_T_DYN);
  std::vector<GElf_Dyn> entries;
  GElf_Dyn entry;
  for (int i = 0; data != nullptr && gelf_getdyn(data, i, &entry) != nullptr && entry.d_tag != DT_NULL; ++i)
    entries.push_back(entry);
  return entries;
}

uint64_t value_of(const std::vector<GElf_Dyn>& entries, int64_t tag) {
  for (const GElf_Dyn& entry : entries) {
    if (entry.d_tag == tag) return entry.d_un.d_val;
  }
  return 0;
}

std::string string_at(const std::string& table, uint64_t index) {
  return index < table.size() ? std::string(table.c_str() + index) : std::string();
}

void read_dynamic(::Elf* handle, const std::vector<GElf_Phdr>& headers, Elf& elf) {
  const GElf_Phdr* dynamic = find_header(headers, PT_DYNAMIC);
  if (dynamic == nullptr) return;
  elf.is_dynamic = true;
  std::vector<GElf_Dyn> entries = dynamic_entries(handle, *dynamic);
  std::optional<uint64_t> offset = file_offset(headers, value_of(entries, DT_STRTAB));
  if (!offset) return;
  std::string strings = chunk_text(handle, *offset, value_of(entries, DT_STRSZ));
  for (const GElf_Dyn& entry : entries) {
    if (entry.d_tag == DT_NEEDED) elf.needed.push_back(string_at(strings, entry.d_un.d_val));
    if (entry.d_tag == DT_SONAME) elf.soname = string_at(strings, entry.d_un.d_val);
    if (entry.d_tag == DT_RPATH) elf.rpath = string_at(strings, entry.d_un.d_val);
    if (entry.d_tag == DT_RUNPATH) elf.runpath = string_at(strings, entry.d_un.d_val);
  }
  elf.is_program |= (value_of(entries, DT_FLAGS_1) & DF_1_PIE) != 0;
  elf.ignores_default_directories = (value_of(entries, DT_FLAGS_1) & DF_1_NODEFLIB) != 0;
}

}  // namespace

Result<std::optional<Elf>> read_elf(int fd) {
  char magic[SELFMAG];
  ssize_t count = ::pread(fd, magic, sizeof magic, 0);
  if (count < 0) return fail_errno("read");
  if (count != SELFMAG || std::memcmp(magic, ELFMAG, SELFMAG) != 0) return std::nullopt;
  elf_version(EV_CURRENT);
  Handle handle(elf_begin(fd, ELF_C_READ, nullptr));  // READ, not MMAP: a file that shrinks must not kill the batch
  GElf_Ehdr header;
  if (!handle || elf_kind(handle.get()) != ELF_K_ELF || gelf_getehdr(handle.get(), &header) == nullptr)
    return std::nullopt;
  Elf elf;
  elf.bits = header.e_ident[EI_CLASS];
  elf.machine = header.e_machine;
  std::vector<GElf_Phdr> headers = program_headers(handle.get());
  if (const GElf_Phdr* interpreter = find_header(headers, PT_INTERP))
    elf.interpreter = chunk_text(handle.get(), interpreter->p_offset, interpreter->p_filesz).c_str();
  // Position-independent programs have the type of libraries; those with an interpreter are told by that.
  elf.is_program = header.e_type == ET_EXEC || (header.e_type == ET_DYN && !elf.interpreter.empty());
  read_dynamic(handle.get(), headers, elf);
  return elf;
}

}  // namespace bpfgate::sign
