// SPDX-License-Identifier: MIT
#include "service/service.h"

#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "gate/events.h"
#include "gate/gate.h"
#include "gate/held.h"
#include "gate/links.h"
#include "service/journal.h"
#include "service/textfile.h"

namespace bpfgate::service {
namespace {

namespace fs = std::filesystem;

constexpr const char* query_socket = "query";
constexpr uint64_t second = 1000000;  // in the microseconds of sd-event
constexpr uint64_t metrics_interval = 15 * second;

struct EventLoopDeleter {
  void operator()(sd_event* loop) const { sd_event_unref(loop); }
};
using EventLoop = std::unique_ptr<sd_event, EventLoopDeleter>;

// What the service manager handed over.
struct Inherited {
  std::vector<gate::Link> links;
  UniqueFd query;
};

Inherited take_inherited() {
  Inherited inherited;
  char** names = nullptr;
  int count = ::sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    UniqueFd fd(SD_LISTEN_FDS_START + i);
    std::string name = names[i];
    ::free(names[i]);
    if (name == query_socket)
      inherited.query = std::move(fd);
    else
      inherited.links.push_back({std::move(name), std::move(fd)});
  }
  ::free(names);
  return inherited;
}

// The manager keeps whatever it was given under a name. Only what the kernel calls by that name is taken for it.
Result<> drop_strangers(std::vector<gate::Link>& links) {
  std::vector<gate::Link> own;
  for (gate::Link& link : links) {
    auto program = gate::program_of_link(link.fd.get());
    if (!program && program.error().kind == ErrorKind::Refused) return std::unexpected(std::move(program).error());
    if (program && !program->empty() && link.program.starts_with(*program)) own.push_back(std::move(link));
  }
  links = std::move(own);
  return {};
}

bool has(const std::vector<gate::Link>& links, const std::string& program) {
  return std::any_of(links.begin(), links.end(), [&](const gate::Link& link) { return link.program == program; });
}

class Service {
 public:
  Service(fs::path directory, fs::path metrics_file, Inherited inherited)
      : directory_(std::move(directory)),
        links_(std::move(inherited.links)),
        query_(std::move(inherited.query)),
        textfile_(std::move(metrics_file)) {}

  Result<> start() {
    TRY(drop_strangers(links_));
    bool is_restart = !links_.empty();
    TRY(open_missing_links());
    if (links_.empty())
      return fail(ErrorKind::Failed, "no gate is loaded", "Load one with bpfgate gate load --manifest FILE.");
    TRY(open_maps());
    log(is_restart ? Notice::Restarted : Notice::Started,
        (is_restart ? "took over the gate from a predecessor: " : "holds the gate: ") + std::to_string(links_.size()) +
            " links");
    return {};
  }

  Result<> run() {
    sd_event* loop = nullptr;
    if (int error = ::sd_event_new(&loop); error < 0) return fail_errno("make an event loop", -error);
    EventLoop owner(loop);
    TRY(add_sources(loop));
    look_at_pins();
    textfile_.write(metrics());
    ::sd_notify(0, "READY=1");
    if (int error = ::sd_event_loop(loop); error < 0) return fail_errno("run the event loop", -error);
    ::sd_notify(0, "STOPPING=1");
    return {};
  }

 private:
  Result<> open_missing_links() {
    auto pinned = gate::open_links(directory_);
    if (!pinned && links_.empty()) return std::unexpected(std::move(pinned).error());
    if (!pinned) return {};  // what was inherited is enough to hold
    for (gate::Link& link : *pinned) {
      if (has(links_, link.program)) continue;
      std::string state = "FDSTORE=1\nFDNAME=" + link.program;
      int fd = link.fd.get();
      ::sd_pid_notify_with_fds(0, 0, state.c_str(), &fd, 1);
      links_.push_back(std::move(link));
    }
    return {};
  }

  // By way of a link, because pins can be lost.
  Result<> open_maps() {
    int link = links_.front().fd.get();
    for (const gate::Link& candidate : links_)
      if (candidate.program == gate::anchor_program) link = candidate.fd.get();
    TRY_ASSIGN(gate_, gate::HeldGate::open(link));
    TRY_ASSIGN(UniqueFd events, gate::map_of_link(link, gate::maps::events));
    TRY_ASSIGN(reader_, gate::EventReader::create(std::move(events), [this](const gate::Event& event) {
                 ++reasons_[event.reason];
                 log(event);
               }));
    return {};
  }

  Result<> add_sources(sd_event* loop) {
    int error = ::sd_event_add_io(loop, nullptr, reader_->descriptor(), EPOLLIN, on_events, this);
    if (error >= 0) error = ::sd_event_add_time_relative(loop, &timer_, CLOCK_MONOTONIC, second, 0, on_timer, this);
    if (error >= 0)
      error = ::sd_event_add_time_relative(loop, nullptr, CLOCK_MONOTONIC, metrics_interval, 0, on_metrics, this);
    if (error >= 0 && query_) error = ::sd_event_add_io(loop, nullptr, query_.get(), EPOLLIN, on_query, this);
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGTERM);
    ::sigaddset(&signals, SIGINT);
    ::sigprocmask(SIG_BLOCK, &signals, nullptr);
    if (error >= 0) error = ::sd_event_add_signal(loop, nullptr, SIGTERM, nullptr, nullptr);
    if (error >= 0) error = ::sd_event_add_signal(loop, nullptr, SIGINT, nullptr, nullptr);
    if (error < 0) return fail_errno("watch", -error);
    return {};
  }

  static int on_events(sd_event_source*, int, uint32_t, void* self) {
    (void)static_cast<Service*>(self)->reader_->poll(std::chrono::milliseconds(0));
    return 0;
  }

  static int on_timer(sd_event_source* source, uint64_t, void* self) {
    auto* service = static_cast<Service*>(self);
    if (service->is_released()) return ::sd_event_exit(::sd_event_source_get_event(source), 0);
    service->look_at_pins();
    return again_after(source, second);
  }

  static int on_metrics(sd_event_source* source, uint64_t, void* self) {
    auto* service = static_cast<Service*>(self);
    service->textfile_.write(service->metrics());
    return again_after(source, metrics_interval);
  }

  static int again_after(sd_event_source* source, uint64_t interval) {
    ::sd_event_source_set_time_relative(source, interval);
    return ::sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
  }

  static int on_query(sd_event_source*, int listener, uint32_t, void* self) {
    UniqueFd client(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (client) static_cast<Service*>(self)->answer(client.get());
    return 0;
  }

  // Everybody may ask, so that nobody needs the grant for it. An answer is short; who does not take it at once loses
  // it.
  void answer(int client) {
    nlohmann::ordered_json answer = {{"bpfgate", 1}, {"links", links_.size()}, {"unpinned", lost_}};
    if (auto counters = gate_->counters())
      answer["counters"] = {{"refused", counters->refused},
                            {"would_refuse", counters->would_refuse},
                            {"tainted", counters->tainted},
                            {"lost_events", counters->lost_events}};
    answer["reasons"] = reasons_;
    std::string text = answer.dump() + "\n";
    (void)!::send(client, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  // Those of which there were no events count, too: a counter that appears with its first event shows no increase.
  [[nodiscard]] gate::EventCounts event_counts() const {
    gate::EventCounts counts = reasons_;
    for (const std::string& reason : gate::reason_words()) counts.try_emplace(reason, 0);
    return counts;
  }

  Result<std::string> metrics() {
    std::vector<std::string> pinned;
    for (const gate::Link& link : links_)
      if (std::find(lost_.begin(), lost_.end(), link.program) == lost_.end()) pinned.push_back(link.program);
    TRY_ASSIGN(gate::Reading reading, gate_->read(pinned));
    gate::EventCounts events = event_counts();
    return gate::metrics_text(reading, &events);
  }

  // An administrator takes the gate away. What the service manager keeps must go, too.
  bool is_released() {
    auto seal = gate_->seal();
    if (!seal || *seal != gate::Seal::Released) return false;
    for (const gate::Link& link : links_) ::sd_notify(0, ("FDSTOREREMOVE=1\nFDNAME=" + link.program).c_str());
    links_.clear();
    reader_.reset();
    log(Notice::Released, "the gate is being taken away by an administrator: let its links go");
    return true;
  }

  void look_at_pins() {
    std::vector<std::string> lost = gate::unpinned(links_, directory_);
    if (lost == lost_) return;
    if (lost.size() >= lost_.size())
      log(Notice::PinsLost, std::to_string(lost.size()) + " of the gate's pins are gone, " + lost.front() +
                                " among them; it stays attached by this service alone");
    else
      log(Notice::PinsBack, std::to_string(lost_.size() - lost.size()) + " of the gate's pins are back");
    lost_ = std::move(lost);
  }

  fs::path directory_;
  std::vector<gate::Link> links_;
  UniqueFd query_;
  std::optional<gate::HeldGate> gate_;
  std::optional<gate::EventReader> reader_;
  gate::EventCounts reasons_;
  std::vector<std::string> lost_;
  Textfile textfile_;
  sd_event_source* timer_ = nullptr;  // owned by the loop
};

}  // namespace

Result<> run(const fs::path& pin_directory, const fs::path& metrics_file) {
  Service service(pin_directory, metrics_file, take_inherited());
  TRY(service.start());
  return service.run();
}

}  // namespace bpfgate::service
