// SPDX-License-Identifier: MIT
#include "gate/events.h"

#include <bpf/libbpf.h>
#include <time.h>

#include <cstring>

#include "gate/links.h"
#include "gate/pins.h"
#include "gate_abi.h"
#include "manifest/manifest.h"

namespace bpfgate::gate {
namespace {

struct Name {
  uint32_t number;
  const char* text;
};

constexpr Name verdict_names[] = {
    {GATE_VERDICT_UNSET, "none"},      {GATE_VERDICT_LOADER, "loader"},
    {GATE_VERDICT_LIBRARY, "library"}, {GATE_VERDICT_NO_EVIDENCE, "no-evidence"},
    {GATE_VERDICT_UNKNOWN, "unknown"},
};

constexpr Name reason_names[] = {
    {GATE_REASON_UNSET, "none"},
    {GATE_REASON_LISTED_DIGEST, "listed-digest"},
    {GATE_REASON_SIGNATURE, "signature"},
    {GATE_REASON_NOT_SEALED, "not-sealed"},
    {GATE_REASON_NO_SIGNATURE, "no-signature"},
    {GATE_REASON_SIGNATURE_TOO_LARGE, "signature-too-large"},
    {GATE_REASON_SIGNATURE_MALFORMED, "signature-malformed"},
    {GATE_REASON_SIGNATURE_UNTRUSTED, "signature-untrusted"},
    {GATE_REASON_SIGNATURE_MISMATCH, "signature-mismatch"},
    {GATE_REASON_DIGEST_UNKNOWN, "digest-unknown"},
    {GATE_REASON_BUSY, "busy"},
    {GATE_REASON_FAULT, "fault"},
    {GATE_REASON_NOT_A_LOADER, "not-a-loader"},
    {GATE_REASON_EXEC_TRACED, "exec-traced"},
    {GATE_REASON_EXE_CHANGED, "exe-changed"},
    {GATE_REASON_SHARED_MEMORY, "shared-memory"},
    {GATE_REASON_COMMAND_NOT_GRANTED, "command-not-granted"},
    {GATE_REASON_DEBUGGER, "debugger"},
    {GATE_REASON_TAINT_FILE, "taint-file"},
    {GATE_REASON_TAINT_ANONYMOUS, "taint-anonymous"},
    {GATE_REASON_TAINT_WRITABLE, "taint-writable"},
    {GATE_REASON_TAINT_MADE_EXECUTABLE, "taint-made-executable"},
    {GATE_REASON_TAINT_MADE_WRITABLE, "taint-made-writable"},
    {GATE_REASON_TAINT_TRACED, "taint-traced"},
    {GATE_REASON_TAINT_EXE_REPLACED, "taint-exe-replaced"},
    {GATE_REASON_GUARDED_MAP, "guarded-map"},
    {GATE_REASON_GUARDED_PROGRAM, "guarded-program"},
    {GATE_REASON_GUARDED_LINK, "guarded-link"},
    {GATE_REASON_GUARDED_PIN, "guarded-pin"},
    {GATE_REASON_GUARDED_MOUNT, "guarded-mount"},
    {GATE_REASON_GUARDED_KEY, "guarded-key"},
    {GATE_REASON_GUARDED_SYSCTL, "guarded-sysctl"},
    {GATE_REASON_GUARDED_HOOK, "guarded-hook"},
};

constexpr Name kind_names[] = {
    {GATE_EVENT_REFUSED, "refused"},
    {GATE_EVENT_WOULD_REFUSE, "would-refuse"},
    {GATE_EVENT_TAINTED, "tainted"},
};

template <size_t Size>
std::string name_in(const Name (&names)[Size], uint32_t number, const char* what) {
  for (const Name& name : names) {
    if (name.number == number) return name.text;
  }
  return std::string(what) + " " + std::to_string(number);
}

// "kprobe", "lsm": libbpf's names are those of systemd's BPFDelegatePrograms=.
std::string program_type_name(uint32_t type) {
  const char* name = libbpf_bpf_prog_type_str(static_cast<bpf_prog_type>(type));
  return name != nullptr ? name : "program type " + std::to_string(type);
}

// The kernel counts since boot. What has passed since then is taken off the clock people read, so a clock that was set
// meanwhile does not tear events apart.
std::chrono::system_clock::time_point wall_time(uint64_t boot_nanoseconds) {
  timespec now = {};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  auto age = std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec) -
             std::chrono::nanoseconds(boot_nanoseconds);
  return std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(age);
}

template <size_t Size>
std::string text_of(const char (&text)[Size]) {
  return {text, ::strnlen(text, Size)};
}

Event in_words(const gate_event& record) {
  Event event;
  event.time = wall_time(record.time);
  event.kind = name_in(kind_names, record.kind, "kind");
  event.pid = record.pid;
  event.tgid = record.tgid;
  event.uid = record.uid;
  event.comm = text_of(record.comm);
  event.executable = text_of(record.path);
  if (record.command != GATE_NO_COMMAND) event.command = manifest::command_name(record.command);
  if (record.program_type != GATE_NO_PROGRAM_TYPE) event.program_type = program_type_name(record.program_type);
  event.verdict = verdict_name(record.verdict);
  event.reason = reason_name(record.reason);
  event.rule = text_of(record.rule);
  event.pre_existing = (record.flags & GATE_EVENT_PRE_EXISTING) != 0;
  event.generation = record.generation;
  return event;
}

}  // namespace

std::string verdict_name(uint32_t verdict) { return name_in(verdict_names, verdict, "verdict"); }
std::string reason_name(uint32_t reason) { return name_in(reason_names, reason, "reason"); }

std::vector<std::string> reason_words() {
  std::vector<std::string> words;
  for (const Name& name : reason_names) words.emplace_back(name.text);
  return words;
}

struct EventReader::State {
  UniqueFd map;
  Handler handler;
  ring_buffer* buffer = nullptr;

  ~State() { ring_buffer__free(buffer); }

  static int on_record(void* context, void* data, size_t size) {
    gate_event record = {};
    if (size < sizeof(record)) return 0;
    std::memcpy(&record, data, sizeof(record));
    static_cast<State*>(context)->handler(in_words(record));
    return 0;
  }
};

EventReader::EventReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
EventReader::EventReader(EventReader&&) noexcept = default;
EventReader& EventReader::operator=(EventReader&&) noexcept = default;
EventReader::~EventReader() = default;

Result<EventReader> EventReader::open(const std::filesystem::path& pin_directory, Handler handler) {
  TRY_ASSIGN(std::optional<PinDirectory> pins, PinDirectory::open(find_pins(pin_directory)));
  if (!pins) return fail(ErrorKind::Failed, "no gate is loaded", "Load one with bpfgate gate load --manifest FILE.");
  TRY_ASSIGN(UniqueFd link, pins->open_link(anchor_program));
  TRY_ASSIGN(UniqueFd map, map_of_link(link.get(), maps::events));
  return create(std::move(map), std::move(handler));
}

Result<EventReader> EventReader::create(UniqueFd map, Handler handler) {
  auto state = std::make_unique<State>();
  state->handler = std::move(handler);
  state->map = std::move(map);
  state->buffer = ring_buffer__new(state->map.get(), State::on_record, state.get(), nullptr);
  if (state->buffer == nullptr) return fail_errno("map the ring buffer");
  return EventReader(std::move(state));
}

int EventReader::descriptor() const { return ring_buffer__epoll_fd(state_->buffer); }

Result<size_t> EventReader::poll(std::chrono::milliseconds timeout) {
  int count = ring_buffer__poll(state_->buffer, static_cast<int>(timeout.count()));
  if (count < 0 && count != -EINTR) return fail_errno("read the ring buffer", -count);
  return static_cast<size_t>(count < 0 ? 0 : count);
}

}  // namespace bpfgate::gate
