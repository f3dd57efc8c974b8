// SPDX-License-Identifier: MIT
#include "gate/marks.h"

#include <bpf/bpf.h>
#include <unistd.h>

#include <cstring>

#include "gate/bank.h"
#include "gate/events.h"
#include "gate/links.h"
#include "gate/pinned_gate.h"
#include "gate_abi.h"

namespace bpfgate::gate {
namespace {

// The kernel writes whole records, and cuts reads where it likes.
Result<Bytes> read_all(int iterator) {
  Bytes content;
  for (;;) {
    uint8_t chunk[48 * 256];
    ssize_t count = ::read(iterator, chunk, sizeof(chunk));
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) return fail_errno("read marks");
    if (count == 0) return content;
    content.insert(content.end(), chunk, chunk + count);
  }
}

Result<Bytes> read_records(const PinnedGate& gate) {
  TRY_ASSIGN(UniqueFd program, gate.pins().open_program(marks_program));
  UniqueFd link(bpf_link_create(program.get(), 0, BPF_TRACE_ITER, nullptr));
  if (!link) return fail_errno("make an iterator over marks");
  UniqueFd iterator(bpf_iter_create(link.get()));
  if (!iterator) return fail_errno("open the iterator over marks");
  return read_all(iterator.get());
}

Result<std::vector<std::string>> grant_names(const PolicyMaps& maps, uint64_t generation, uint64_t set) {
  std::vector<std::string> names;
  for (uint32_t grant = 0; grant < GATE_MAX_GRANTS; ++grant) {
    if ((set >> grant & 1) == 0) continue;
    TRY_ASSIGN(std::string name, grant_name(maps, generation, grant));
    names.push_back(name);
  }
  return names;
}

Image image_of(uint32_t state) {
  switch (state) {
    case GATE_IMAGE_INHERITED:
      return Image::Inherited;
    case GATE_IMAGE_WATCHED:
      return Image::Watched;
    default:
      return Image::Unproven;
  }
}

Result<Mark> in_words(const PinnedGate& gate, const gate_mark_record& record) {
  TRY_ASSIGN(uint64_t generation, active_generation(gate.policy_maps()));
  Mark mark;
  mark.image = image_of(record.state);
  mark.pre_existing = record.image == 0;
  mark.is_current = record.generation == generation;
  mark.verdict = verdict_name(record.verdict);
  mark.reason = reason_name(record.reason);
  if (record.taint != 0) mark.taint = reason_name(record.taint);
  if (!mark.is_current || mark.image != Image::Watched || record.taint != 0) return mark;
  TRY_ASSIGN(mark.grants, grant_names(gate.policy_maps(), generation, record.grants));
  return mark;
}

}  // namespace

Result<std::optional<Mark>> mark_of(const std::filesystem::path& pin_directory, uint32_t process) {
  TRY_ASSIGN(std::optional<PinnedGate> gate, PinnedGate::find(pin_directory));
  if (!gate) return std::nullopt;
  TRY_ASSIGN(Bytes records, read_records(*gate));
  for (size_t at = 0; at + sizeof(gate_mark_record) <= records.size(); at += sizeof(gate_mark_record)) {
    gate_mark_record record = {};
    std::memcpy(&record, records.data() + at, sizeof(record));
    if (record.tgid != process) continue;
    TRY_ASSIGN(Mark mark, in_words(*gate, record));
    return mark;
  }
  return std::nullopt;
}

}  // namespace bpfgate::gate
