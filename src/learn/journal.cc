// SPDX-License-Identifier: MIT
#include "learn/journal.h"

#include <systemd/sd-journal.h>

#include <charconv>
#include <memory>
#include <string_view>

#include "base/shared_library.h"

namespace bpfgate::learn {
namespace {

using Fields = std::map<std::string, std::string>;

// The unit comes from journald itself. Terms of one field are alternatives, those of different ones must all hold.
constexpr const char* terms[] = {"_SYSTEMD_UNIT=bpfgated.service", "BPFGATE_KIND=would-refuse", "BPFGATE_KIND=refused",
                                 "BPFGATE_KIND=tainted"};

constexpr const char* field_names[] = {
    "BPFGATE_TIME",    "BPFGATE_KIND",         "BPFGATE_REASON",      "BPFGATE_VERDICT",     "BPFGATE_RULE",
    "BPFGATE_COMMAND", "BPFGATE_PROGRAM_TYPE", "BPFGATE_MAP_TYPE",    "BPFGATE_ATTACH_TYPE", "BPFGATE_TARGET",
    "BPFGATE_HELPERS", "BPFGATE_KFUNCS",       "BPFGATE_KFUNC_COUNT", "BPFGATE_EXECUTABLE",  "BPFGATE_COMM",
    "BPFGATE_PID",     "BPFGATE_UID",          "BPFGATE_DENIED",      "BPFGATE_GENERATION",  "BPFGATE_PRE_EXISTING"};

// clang-format off
#define BPFGATE_JOURNAL_FUNCTIONS(X)                                                                            \
  X(sd_journal_open) X(sd_journal_close) X(sd_journal_add_match) X(sd_journal_seek_head)                        \
  X(sd_journal_seek_realtime_usec) X(sd_journal_next) X(sd_journal_get_data) X(sd_journal_get_realtime_usec)
// clang-format on

struct Library {
  BPFGATE_JOURNAL_FUNCTIONS(BPFGATE_DECLARE_FUNCTION)
};

Result<Library> load_library() {
  TRY_ASSIGN(SharedLibrary shared,
             SharedLibrary::load("libsystemd.so.0", "give the events of bpfgate events --json as a file instead"));
  Library library;
  BPFGATE_JOURNAL_FUNCTIONS(BPFGATE_FIND_FUNCTION)
  return library;
}

class Journal {
 public:
  static Result<Journal> open() {
    TRY_ASSIGN(Library library, load_library());
    sd_journal* journal = nullptr;
    int error = library.sd_journal_open(&journal, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (error < 0) return fail_errno("open the journal", -error);
    Journal opened(library, journal);
    for (const char* term : terms)
      if (int status = library.sd_journal_add_match(journal, term, 0); status < 0)
        return fail_errno("search the journal", -status);
    return opened;
  }

  Result<> seek(std::optional<Time> since) {
    int status = since ? library_.sd_journal_seek_realtime_usec(journal_.get(), microseconds(*since))
                       : library_.sd_journal_seek_head(journal_.get());
    if (status < 0) return fail_errno("search the journal", -status);
    return {};
  }

  // Whether there is another entry.
  Result<bool> next() {
    int status = library_.sd_journal_next(journal_.get());
    if (status < 0) return fail_errno("read the journal", -status);
    return status > 0;
  }

  Result<Fields> fields() {
    Fields found;
    for (const char* name : field_names) {
      const void* data = nullptr;
      size_t size = 0;
      int status = library_.sd_journal_get_data(journal_.get(), name, &data, &size);
      if (status == -ENOENT) continue;
      if (status < 0) return fail_errno("read the journal", -status);
      // "NAME=value"
      std::string_view text(static_cast<const char*>(data), size);
      found[name] = text.substr(std::min(text.size(), text.find('=') + 1));
    }
    return found;
  }

  Time time() {
    uint64_t value = 0;
    if (library_.sd_journal_get_realtime_usec(journal_.get(), &value) < 0) return {};
    return Time(std::chrono::microseconds(value));
  }

 private:
  using Handle = std::unique_ptr<sd_journal, decltype(&sd_journal_close)>;
  Journal(const Library& library, sd_journal* journal)
      : library_(library), journal_(journal, library.sd_journal_close) {}

  static uint64_t microseconds(Time time) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
  }

  Library library_;
  Handle journal_;
};

std::string text_in(const Fields& fields, const char* name) {
  auto found = fields.find(name);
  return found == fields.end() ? std::string() : found->second;
}

std::optional<std::string> optional_in(const Fields& fields, const char* name) {
  std::string text = text_in(fields, name);
  return text.empty() ? std::nullopt : std::optional(text);
}

template <class Number>
std::optional<Number> number_in(const Fields& fields, const char* name) {
  std::string text = text_in(fields, name);
  Number number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// "a,b"
std::vector<std::string> list_in(const Fields& fields, const char* name) {
  std::vector<std::string> list;
  std::string text = text_in(fields, name);
  for (size_t start = 0; start < text.size();) {
    size_t end = std::min(text.find(',', start), text.size());
    if (end > start) list.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return list;
}

// Written as microseconds; later ones do not fit in the clock's nanoseconds.
Time time_in(const Fields& fields) {
  constexpr int64_t last = std::chrono::duration_cast<std::chrono::microseconds>(Time::duration::max()).count();
  int64_t value = number_in<int64_t>(fields, "BPFGATE_TIME").value_or(0);
  return value < 0 || value > last ? Time() : Time(std::chrono::microseconds(value));
}

}  // namespace

gate::Event event_from(const Fields& fields) {
  gate::Event event;
  event.time = time_in(fields);
  event.kind = text_in(fields, "BPFGATE_KIND");
  event.tgid = number_in<uint32_t>(fields, "BPFGATE_PID").value_or(0);
  event.pid = event.tgid;
  event.uid = number_in<uint32_t>(fields, "BPFGATE_UID").value_or(0);
  event.comm = text_in(fields, "BPFGATE_COMM");
  event.executable = text_in(fields, "BPFGATE_EXECUTABLE");
  event.command = optional_in(fields, "BPFGATE_COMMAND");
  event.program_type = optional_in(fields, "BPFGATE_PROGRAM_TYPE");
  event.map_type = optional_in(fields, "BPFGATE_MAP_TYPE");
  event.attach_type = optional_in(fields, "BPFGATE_ATTACH_TYPE");
  event.target = optional_in(fields, "BPFGATE_TARGET");
  event.helpers = list_in(fields, "BPFGATE_HELPERS");
  event.kfuncs = list_in(fields, "BPFGATE_KFUNCS");
  event.kfunc_count =
      number_in<uint32_t>(fields, "BPFGATE_KFUNC_COUNT").value_or(static_cast<uint32_t>(event.kfuncs.size()));
  event.denied = optional_in(fields, "BPFGATE_DENIED");
  event.verdict = text_in(fields, "BPFGATE_VERDICT");
  event.reason = text_in(fields, "BPFGATE_REASON");
  event.rule = text_in(fields, "BPFGATE_RULE");
  event.generation = number_in<uint64_t>(fields, "BPFGATE_GENERATION").value_or(0);
  event.pre_existing = text_in(fields, "BPFGATE_PRE_EXISTING") == "1";
  return event;
}

Result<std::vector<gate::Event>> read_journal(std::optional<Time> since) {
  TRY_ASSIGN(Journal journal, Journal::open());
  TRY(journal.seek(since));
  std::vector<gate::Event> events;
  while (true) {
    TRY_ASSIGN(bool is_there, journal.next());
    if (!is_there) return events;
    TRY_ASSIGN(Fields fields, journal.fields());
    gate::Event event = event_from(fields);
    if (event.time == Time()) event.time = journal.time();
    events.push_back(std::move(event));
  }
}

}  // namespace bpfgate::learn
