// SPDX-License-Identifier: MIT
// What the gate has refused, or in audit mode would have: records of the kernel's ring buffer, in words.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"

struct ring_buffer;

namespace bpfgate::gate {

struct Event {
  std::chrono::system_clock::time_point time;
  std::string kind;  // "refused", "would-refuse", "tainted"
  uint32_t pid = 0;
  uint32_t tgid = 0;
  uint32_t uid = 0;
  std::string comm;
  std::string executable;                   // empty when the kernel could not name it
  std::optional<std::string> command;       // of bpf(2)
  std::optional<std::string> program_type;  // for prog_load
  std::optional<std::string> map_type;      // for map_create
  std::optional<std::string> attach_type;
  std::optional<std::string> target;  // for prog_load: the kernel's function or tracepoint, where it names one
  // What the program calls: where the gate looked at its instructions.
  std::vector<std::string> helpers;
  std::vector<std::string> kfuncs;    // some of them, if there are many
  uint32_t kfunc_count = 0;           // all of them
  std::optional<std::string> denied;  // the helper or kfunc that is not granted
  std::string verdict;
  std::string reason;
  std::string rule;           // the grant that came closest; empty where there is none
  bool pre_existing = false;  // the process is older than the gate: judged by its executable alone
  uint64_t generation = 0;

  bool operator==(const Event&) const = default;
};

// Names of the numbers in events; "reason 99" for one that this build does not know.
std::string verdict_name(uint32_t verdict);
std::string reason_name(uint32_t reason);
// In words, as in "its file is not sealed with fs-verity", said of a process; of a reason this build does not know,
// itself.
std::string meaning_of(const std::string& reason);
// Every reason there is, and every kind of event.
std::vector<std::string> reason_words();
std::vector<std::string> kind_words();

// Why not, with the rule that decided: `the program type is not granted by grant "tracing"`. Like sentence() for a
// terminal: every byte is printable, whatever the event holds.
std::string why(const Event& event);
// The event as one sentence: who, what, and why().
std::string sentence(const Event& event);

// A record of the ring buffer as an event; nothing where it is too short to be one. What is longer is a newer gate's,
// and the rest of it is not looked at. `function_name` knows the kernel's functions by their BTF ids.
std::optional<Event> decode(ByteView record, const std::function<std::string(uint32_t)>& function_name);

// Takes events out of the ring buffer: each is handed to one reader, once. Move-only.
class EventReader {
 public:
  using Handler = std::function<void(const Event&)>;

  static Result<EventReader> open(const std::filesystem::path& pin_directory, Handler handler);
  // From a descriptor of the ring buffer.
  static Result<EventReader> create(UniqueFd map, Handler handler);
  EventReader(EventReader&&) noexcept;
  EventReader& operator=(EventReader&&) noexcept;
  ~EventReader();

  // Hands over what is there, waiting up to `timeout` for the first. Returns how many.
  Result<size_t> poll(std::chrono::milliseconds timeout);
  // Readable when there is something to hand over. Not to be read from.
  [[nodiscard]] int descriptor() const;

 private:
  struct State;
  explicit EventReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace bpfgate::gate
