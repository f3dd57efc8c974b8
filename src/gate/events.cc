// SPDX-License-Identifier: MIT
#include "gate/events.h"

#include <bpf/libbpf.h>
#include <time.h>

#include <algorithm>
#include <cstring>

#include "gate/kernel_types.h"
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

struct Reason {
  uint32_t number;
  const char* word;
  const char* meaning;  // said of the process
};

constexpr Name verdict_names[] = {
    {GATE_VERDICT_UNSET, "none"},      {GATE_VERDICT_LOADER, "loader"},
    {GATE_VERDICT_LIBRARY, "library"}, {GATE_VERDICT_NO_EVIDENCE, "no-evidence"},
    {GATE_VERDICT_UNKNOWN, "unknown"},
};

constexpr Reason reasons[] = {
    {GATE_REASON_UNSET, "none", "no reason is known"},
    {GATE_REASON_LISTED_DIGEST, "listed-digest", "its digest is listed"},
    {GATE_REASON_SIGNATURE, "signature", "a trusted signer has signed it"},
    {GATE_REASON_LISTED_IMA_DIGEST, "listed-ima-digest", "its IMA digest is listed"},
    {GATE_REASON_IMA_SIGNATURE, "ima-signature", "a trusted signer has signed its IMA digest"},
    {GATE_REASON_VOLUME, "volume", "it is on a trusted dm-verity volume"},
    {GATE_REASON_NOT_SEALED, "not-sealed", "its file is not sealed with fs-verity"},
    {GATE_REASON_NO_SIGNATURE, "no-signature", "its file is sealed, but not signed"},
    {GATE_REASON_SIGNATURE_TOO_LARGE, "signature-too-large", "the signature of its file is too large"},
    {GATE_REASON_SIGNATURE_MALFORMED, "signature-malformed", "the signature of its file cannot be read"},
    {GATE_REASON_SIGNATURE_UNTRUSTED, "signature-untrusted", "nobody whom the policy trusts has signed its file"},
    {GATE_REASON_SIGNATURE_MISMATCH, "signature-mismatch", "the signature is not of this file"},
    {GATE_REASON_DIGEST_UNKNOWN, "digest-unknown", "its file is sealed with an unknown algorithm"},
    {GATE_REASON_VOLUME_UNTRUSTED, "volume-untrusted", "it is on a dm-verity volume that the policy does not trust"},
    {GATE_REASON_VOLUME_REPLACED, "volume-replaced", "the device of its volume has had another table"},
    {GATE_REASON_VOLUME_UNCHECKED, "volume-unchecked", "not every block of its volume is verified each time"},
    {GATE_REASON_REVOKED, "revoked", "its file is revoked"},
    {GATE_REASON_BUSY, "busy", "no buffer was free to judge its file"},
    {GATE_REASON_FAULT, "fault", "its file could not be judged"},
    {GATE_REASON_NOT_A_LOADER, "not-a-loader", "its file is proven, but as a library"},
    {GATE_REASON_EXEC_TRACED, "exec-traced", "it was started under a debugger"},
    {GATE_REASON_EXE_CHANGED, "exe-changed", "its executable is no longer the one it was started from"},
    {GATE_REASON_SHARED_MEMORY, "shared-memory", "it shares its memory with the process that made it"},
    {GATE_REASON_COMMAND_NOT_GRANTED, "command-not-granted", "the command is not granted"},
    {GATE_REASON_DEBUGGER, "debugger", "it wants to debug a marked process"},
    {GATE_REASON_PROGRAM_TYPE_NOT_GRANTED, "program-type-not-granted", "the program type is not granted"},
    {GATE_REASON_MAP_TYPE_NOT_GRANTED, "map-type-not-granted", "the map type is not granted"},
    {GATE_REASON_ATTACH_TYPE_NOT_GRANTED, "attach-type-not-granted", "the attach type is not granted"},
    {GATE_REASON_TARGET_NOT_GRANTED, "target-not-granted", "what it is to be attached to is not granted"},
    {GATE_REASON_CONDITION_NOT_MET, "condition-not-met", "user, group, cgroup or namespace are not as asked for"},
    {GATE_REASON_HELPER_NOT_GRANTED, "helper-not-granted", "a helper that the program calls is not granted"},
    {GATE_REASON_KFUNC_NOT_GRANTED, "kfunc-not-granted", "a kernel function that the program calls is not granted"},
    {GATE_REASON_PROGRAM_NOT_SIGNED, "program-not-signed", "no signer of programs that the grant names vouches for it"},
    {GATE_REASON_EXTENSION_REFUSED, "extension-refused", "the policy allows it, the gate's extension refuses it"},
    {GATE_REASON_TAINT_FILE, "taint-file", "it has mapped a file without evidence as code"},
    {GATE_REASON_TAINT_ANONYMOUS, "taint-anonymous", "it has mapped anonymous memory as code"},
    {GATE_REASON_TAINT_WRITABLE, "taint-writable", "it has mapped memory writable and executable at once"},
    {GATE_REASON_TAINT_MADE_EXECUTABLE, "taint-made-executable", "it has made memory executable"},
    {GATE_REASON_TAINT_MADE_WRITABLE, "taint-made-writable", "it has made executable memory writable"},
    {GATE_REASON_TAINT_TRACED, "taint-traced", "a debugger was let in"},
    {GATE_REASON_TAINT_EXE_REPLACED, "taint-exe-replaced", "it has told the kernel that its executable is another one"},
    {GATE_REASON_TAINT_VOLUME, "taint-volume", "it has code of a volume, and a device has got another table since"},
    {GATE_REASON_GUARDED_MAP, "guarded-map", "it reached for a map of the gate"},
    {GATE_REASON_GUARDED_PROGRAM, "guarded-program", "it reached for a program of the gate"},
    {GATE_REASON_GUARDED_LINK, "guarded-link", "it reached for a link of the gate"},
    {GATE_REASON_GUARDED_PIN, "guarded-pin", "it reached for a pin of the gate"},
    {GATE_REASON_GUARDED_MOUNT, "guarded-mount", "it reached for a mount that the pins of the gate are below"},
    {GATE_REASON_GUARDED_KEY, "guarded-key", "it reached for a key of the gate"},
    {GATE_REASON_GUARDED_SYSCTL, "guarded-sysctl", "it reached for a sysctl that switches the gate off"},
    {GATE_REASON_GUARDED_HOOK, "guarded-hook", "the program could undo the gate"},
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

std::optional<std::string> name_unless(const manifest::Vocabulary& vocabulary, uint32_t number, uint32_t none) {
  if (number == none) return std::nullopt;
  return manifest::name_of(vocabulary, number);
}

// The kernel counts since boot. What has passed since then is taken off the clock people read, so a clock that was set
// meanwhile does not tear events apart. Nothing has happened later than now.
std::chrono::system_clock::time_point wall_time(uint64_t boot_nanoseconds) {
  timespec clock = {};
  ::clock_gettime(CLOCK_BOOTTIME, &clock);
  uint64_t now = static_cast<uint64_t>(clock.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(clock.tv_nsec);
  std::chrono::nanoseconds age(now - std::min(now, boot_nanoseconds));
  return std::chrono::system_clock::now() - std::chrono::duration_cast<std::chrono::system_clock::duration>(age);
}

template <size_t Size>
std::string text_of(const char (&text)[Size]) {
  return {text, ::strnlen(text, Size)};
}

using FunctionName = std::function<std::string(uint32_t)>;

// The kernel's types are needed for few events, and take long to read.
class FunctionNames {
 public:
  std::string name(uint32_t id) {
    if (!types_) types_ = KernelTypes::open();
    std::string name = *types_ ? (**types_).name(id) : std::string();
    return name.empty() ? "function " + std::to_string(id) : name;
  }

 private:
  std::optional<Result<KernelTypes>> types_;
};

void describe_code(const gate_event& record, const FunctionName& name_of_function, Event& event) {
  for (uint32_t helper = 0; helper < GATE_MAX_HELPERS; ++helper)
    if ((record.helpers[helper / 64] >> helper % 64 & 1) != 0)
      event.helpers.push_back(manifest::name_of(manifest::kHelpers, helper));
  event.kfunc_count = record.kfunc_count;
  for (uint32_t i = 0; i < record.kfunc_count && i < GATE_EVENT_KFUNCS; ++i)
    if (record.kfuncs[i] != 0) event.kfuncs.push_back(name_of_function(record.kfuncs[i]));
  if (record.reason == GATE_REASON_HELPER_NOT_GRANTED && record.denied != 0)
    event.denied = manifest::name_of(manifest::kHelpers, record.denied);
  if (record.reason == GATE_REASON_KFUNC_NOT_GRANTED && record.denied != 0)
    event.denied = name_of_function(record.denied);
}

void describe_call(const gate_event& record, const FunctionName& name_of_function, Event& event) {
  event.command = name_unless(manifest::kCommands, record.command, GATE_NO_COMMAND);
  event.program_type = name_unless(manifest::kProgramTypes, record.program_type, GATE_NO_PROGRAM_TYPE);
  event.map_type = name_unless(manifest::kMapTypes, record.map_type, GATE_NO_MAP_TYPE);
  event.attach_type = name_unless(manifest::kAttachTypes, record.attach_type, GATE_NO_ATTACH_TYPE);
  if (record.target != 0) event.target = name_of_function(record.target);
}

Event in_words(const gate_event& record, const FunctionName& name_of_function) {
  Event event;
  event.time = wall_time(record.time);
  event.kind = name_in(kind_names, record.kind, "kind");
  event.pid = record.pid;
  event.tgid = record.tgid;
  event.uid = record.uid;
  event.comm = text_of(record.comm);
  event.executable = text_of(record.path);
  event.verdict = verdict_name(record.verdict);
  event.reason = reason_name(record.reason);
  event.rule = text_of(record.rule);
  event.pre_existing = (record.flags & GATE_EVENT_PRE_EXISTING) != 0;
  event.generation = record.generation;
  describe_call(record, name_of_function, event);
  describe_code(record, name_of_function, event);
  return event;
}

const Reason* find_reason(uint32_t number) {
  for (const Reason& reason : reasons)
    if (reason.number == number) return &reason;
  return nullptr;
}

const Reason* find_reason(const std::string& word) {
  for (const Reason& reason : reasons)
    if (reason.word == word) return &reason;
  return nullptr;
}

// The event's grant is one that the process has, or one that everybody has where it has none (why_refused() in
// bpf/call.bpf.c); of a debugger and of what is tainted it is the one of the process that is marked.
std::string words_for_rule(const Event& event, const Reason* reason) {
  if (event.rule.empty()) return "";
  std::string grant = "grant \"" + printable(event.rule) + '"';
  if (event.kind == "tainted") return ", and loses " + grant;
  if (reason == nullptr) return " (" + grant + ")";
  if (reason->number == GATE_REASON_DEBUGGER || reason->number >= GATE_REASON_GUARDED_MAP)
    return ", which " + grant + " does not allow";
  if (reason->number == GATE_REASON_PROGRAM_NOT_SIGNED || reason->number == GATE_REASON_EXTENSION_REFUSED)
    return ": " + grant;
  if (reason->number >= GATE_REASON_COMMAND_NOT_GRANTED && reason->number <= GATE_REASON_KFUNC_NOT_GRANTED)
    return " by " + grant;
  return ", and what everybody has, " + grant + ", does not allow it";
}

}  // namespace

std::string verdict_name(uint32_t verdict) { return name_in(verdict_names, verdict, "verdict"); }

std::string reason_name(uint32_t reason) {
  const Reason* known = find_reason(reason);
  return known != nullptr ? known->word : "reason " + std::to_string(reason);
}

std::string meaning_of(const std::string& reason) {
  const Reason* known = find_reason(reason);
  return known != nullptr ? known->meaning : printable(reason);
}

std::vector<std::string> reason_words() {
  std::vector<std::string> words;
  for (const Reason& reason : reasons) words.emplace_back(reason.word);
  return words;
}

std::vector<std::string> kind_words() {
  std::vector<std::string> words;
  for (const Name& kind : kind_names) words.emplace_back(kind.text);
  return words;
}

std::string why(const Event& event) {
  const Reason* reason = find_reason(event.reason);
  std::string text = meaning_of(event.reason);
  text += words_for_rule(event, reason);
  if (event.denied) text += ": " + printable(*event.denied);
  return text;
}

std::string sentence(const Event& event) {
  std::string text = printable(event.kind) + ": " +
                     printable(event.executable.empty() ? event.comm : event.executable) + " (" +
                     std::to_string(event.tgid) + ")";
  for (const auto& what : {event.command, event.program_type, event.map_type, event.attach_type, event.target})
    if (what) text += ", " + printable(*what);
  return text + ": " + why(event);
}

std::optional<Event> decode(ByteView record, const std::function<std::string(uint32_t)>& function_name) {
  gate_event event = {};
  if (record.size() < sizeof(event)) return std::nullopt;
  std::memcpy(&event, record.data(), sizeof(event));
  return in_words(event, function_name);
}

struct EventReader::State {
  UniqueFd map;
  Handler handler;
  FunctionNames names;
  ring_buffer* buffer = nullptr;

  ~State() { ring_buffer__free(buffer); }

  static int on_record(void* context, void* data, size_t size) {
    auto* state = static_cast<State*>(context);
    auto name = [state](uint32_t id) { return state->names.name(id); };
    if (auto event = decode({static_cast<const uint8_t*>(data), size}, name)) state->handler(*event);
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
