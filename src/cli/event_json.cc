// SPDX-License-Identifier: MIT
#include "cli/event_json.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>

#include "base/bytes.h"
#include "base/io.h"
#include "learn/time.h"

namespace bpfgate::cli {
namespace {

using gate::Event;

// Some hundred thousand events.
constexpr size_t max_events_bytes = size_t{256} << 20;

constexpr const char* wanted = "give what bpfgate events --json prints, or bpfgate events --follow --json";

// An object of the event, with where it is for messages.
class Reader {
 public:
  Reader(const Json& object, std::string place) : object_(object), place_(std::move(place)) {}

  Result<Event> event() const {
    if (!object_.is_object()) return wrong("an event must be an object");
    Event event;
    TRY(read_who(event));
    TRY(read_call(event));
    TRY(read_code(event));
    return event;
  }

 private:
  Result<> read_who(Event& event) const {
    TRY_ASSIGN(std::string time, text("time"));
    auto moment = learn::time_from(time, {});
    if (!moment) return wrong("time: " + bpfgate::printable(moment.error().message));
    event.time = *moment;
    TRY_ASSIGN(event.kind, text("kind"));
    TRY_ASSIGN(event.pid, number<uint32_t>("pid"));
    TRY_ASSIGN(event.tgid, number<uint32_t>("tgid"));
    TRY_ASSIGN(event.uid, number<uint32_t>("uid"));
    TRY_ASSIGN(event.executable, text("executable"));
    TRY_ASSIGN(event.comm, text("comm"));
    return read_why(event);
  }

  Result<> read_why(Event& event) const {
    TRY_ASSIGN(event.verdict, text("verdict"));
    TRY_ASSIGN(event.reason, text("reason"));
    TRY_ASSIGN(event.denied, optional_text("denied"));
    TRY_ASSIGN(event.rule, text("rule"));
    TRY_ASSIGN(event.generation, number<uint64_t>("generation"));
    auto pre_existing = object_.find("pre_existing");
    if (pre_existing == object_.end() || !pre_existing->is_boolean())
      return wrong("pre_existing must be true or false");
    event.pre_existing = pre_existing->get<bool>();
    return {};
  }

  Result<> read_call(Event& event) const {
    TRY_ASSIGN(event.command, optional_text("command"));
    TRY_ASSIGN(event.program_type, optional_text("program_type"));
    TRY_ASSIGN(event.map_type, optional_text("map_type"));
    TRY_ASSIGN(event.attach_type, optional_text("attach_type"));
    TRY_ASSIGN(event.target, optional_text("target"));
    return {};
  }

  Result<> read_code(Event& event) const {
    TRY_ASSIGN(event.helpers, list("helpers"));
    TRY_ASSIGN(event.kfuncs, list("kfuncs"));
    TRY_ASSIGN(event.kfunc_count, number<uint32_t>("kfunc_count"));
    return {};
  }

  template <class Number>
  Result<Number> number(const char* key) const {
    auto found = object_.find(key);
    bool is_number = found != object_.end() && found->is_number_unsigned() &&
                     found->get<uint64_t>() <= std::numeric_limits<Number>::max();
    if (!is_number) return wrong(std::string(key) + " must be a whole number");
    return found->get<Number>();
  }

  Result<std::string> text(const char* key) const {
    auto found = object_.find(key);
    if (found == object_.end() || !found->is_string()) return wrong(std::string(key) + " must be a string");
    return found->get<std::string>();
  }

  Result<std::optional<std::string>> optional_text(const char* key) const {
    auto found = object_.find(key);
    if (found == object_.end()) return wrong(std::string(key) + " is not there");
    if (found->is_null()) return std::nullopt;
    TRY_ASSIGN(std::string value, text(key));
    return value;
  }

  Result<std::vector<std::string>> list(const char* key) const {
    auto found = object_.find(key);
    bool is_list = found != object_.end() && found->is_array() &&
                   std::all_of(found->begin(), found->end(), [](const Json& word) { return word.is_string(); });
    if (!is_list) return wrong(std::string(key) + " must be a list of strings");
    return found->get<std::vector<std::string>>();
  }

  [[nodiscard]] Failure wrong(const std::string& what) const { return fail(ErrorKind::Invalid, place_ + what, wanted); }

  const Json& object_;
  std::string place_;
};

// `line` is where the text begins. The parser's own message has the place as well, counted from there.
Result<Json> parse_text(std::string_view text, const std::string& file, size_t line) {
  try {
    return Json::parse(text);
  } catch (const Json::parse_error& error) {
    size_t end = std::min(text.size(), error.byte);
    line += static_cast<size_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    return fail(ErrorKind::Invalid, file + ":" + std::to_string(line) + ": not JSON", wanted);
  } catch (const Json::exception&) {  // a number that nothing holds; the parser does not say where
    return fail(ErrorKind::Invalid, file + ":" + std::to_string(line) + ": not JSON that can be read", wanted);
  }
}

bool is_events_output(const Json& json) {
  if (!json.is_object()) return false;
  auto version = json.find("bpfgate");
  auto command = json.find("command");
  return version != json.end() && *version == 1 && command != json.end() && *command == "events";
}

// One object has a list of events, or an event.
Result<> take_events(const Json& json, const std::string& place, std::vector<Event>& events) {
  if (!is_events_output(json)) return fail(ErrorKind::Invalid, place + "no output of bpfgate events", wanted);
  if (auto one = json.find("event"); one != json.end()) {
    TRY_ASSIGN(Event event, Reader(*one, place + "/event: ").event());
    events.push_back(std::move(event));
    return {};
  }
  auto list = json.find("events");
  if (list == json.end() || !list->is_array()) return fail(ErrorKind::Invalid, place + "has no list of events", wanted);
  for (size_t i = 0; i < list->size(); ++i) {
    TRY_ASSIGN(Event event, Reader((*list)[i], place + "/events/" + std::to_string(i) + ": ").event());
    events.push_back(std::move(event));
  }
  return {};
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

std::string_view take_line(std::string_view& text) {
  size_t end = std::min(text.find('\n'), text.size());
  std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// A first line that is whole in itself is one of many; an indented object's is "{".
bool has_object_per_line(std::string_view text) {
  std::string_view line;
  while (!text.empty() && is_blank(line)) line = take_line(text);
  return Json::accept(line);
}

Result<std::vector<Event>> events_from_lines(std::string_view text, const std::string& file) {
  std::vector<Event> events;
  for (size_t number = 1; !text.empty(); ++number) {
    std::string_view line = take_line(text);
    if (is_blank(line)) continue;
    TRY_ASSIGN(Json json, parse_text(line, file, number));
    TRY(take_events(json, file + ":" + std::to_string(number) + ": ", events));
  }
  return events;
}

}  // namespace

std::string time_text(std::chrono::system_clock::time_point time) {
  std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  auto fraction = std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count() % 1000000;
  std::tm parts = {};
  ::gmtime_r(&seconds, &parts);
  char date[32];
  std::strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &parts);
  char text[48];
  std::snprintf(text, sizeof(text), "%s.%06lldZ", date, static_cast<long long>(fraction));
  return text;
}

Json json_of(const Event& event) {
  Json entry = {{"time", time_text(event.time)},
                {"kind", event.kind},
                {"pid", event.pid},
                {"tgid", event.tgid},
                {"uid", event.uid},
                {"comm", event.comm},
                {"executable", event.executable},
                {"command", nullptr},
                {"program_type", nullptr},
                {"map_type", nullptr},
                {"attach_type", nullptr},
                {"target", nullptr},
                {"helpers", event.helpers},
                {"kfuncs", event.kfuncs},
                {"kfunc_count", event.kfunc_count},
                {"denied", nullptr},
                {"message", gate::sentence(event)},
                {"verdict", event.verdict},
                {"reason", event.reason},
                {"rule", event.rule},
                {"pre_existing", event.pre_existing},
                {"generation", event.generation}};
  const std::pair<const char*, const std::optional<std::string>&> optionals[] = {
      {"command", event.command},   {"program_type", event.program_type},
      {"map_type", event.map_type}, {"attach_type", event.attach_type},
      {"target", event.target},     {"denied", event.denied}};
  for (const auto& [key, value] : optionals)
    if (value) entry[key] = *value;
  return entry;
}

Result<std::vector<Event>> events_from(std::string_view text, const std::string& file) {
  // Nothing refused while it was followed: nothing was printed.
  if (is_blank(text)) return std::vector<Event>();
  if (has_object_per_line(text)) return events_from_lines(text, file);
  TRY_ASSIGN(Json json, parse_text(text, file, 1));
  std::vector<Event> events;
  TRY(take_events(json, file + ": ", events));
  return events;
}

Result<std::vector<Event>> read_events(const std::string& file) {
  TRY_ASSIGN(std::string text, read_text_file(file == "-" ? "/dev/stdin" : file, max_events_bytes));
  return events_from(text, file == "-" ? "standard input" : file);
}

}  // namespace bpfgate::cli
