// SPDX-License-Identifier: MIT
// bpfgated-metrics: passes the metrics that bpfgated writes on over HTTP. A program of its own, because whoever talks
// to the network should be no administrator of the gate.
#include <getopt.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

#include "service/metrics_server.h"
#include "service/textfile.h"

namespace {

using bpfgate::Error;
using bpfgate::Result;
using bpfgate::UniqueFd;

// Of all that was handed over, what is called "metrics".
UniqueFd take_listener() {
  UniqueFd listener;
  char** names = nullptr;
  int count = ::sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    UniqueFd fd(SD_LISTEN_FDS_START + i);
    if (std::string_view(names[i]) == "metrics") listener = std::move(fd);
    std::free(names[i]);
  }
  std::free(names);
  return listener;
}

Result<> serve(const char* file) {
  UniqueFd listener = take_listener();
  if (!listener || ::sd_is_socket(listener.get(), AF_UNSPEC, SOCK_STREAM, 1) <= 0)
    return bpfgate::fail(bpfgate::ErrorKind::Usage, "no listening socket \"metrics\" was handed over",
                         "Start bpfgated-metrics.socket instead.");
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGTERM);
  ::sigaddset(&signals, SIGINT);
  ::sigprocmask(SIG_BLOCK, &signals, nullptr);  // before there are threads
  auto source = [file] { return bpfgate::service::read_textfile(file); };
  TRY_ASSIGN(auto server, bpfgate::service::MetricsServer::start(std::move(listener), source));
  int signal = 0;
  ::sigwait(&signals, &signal);
  return {};
}

int report(const Error& error) {
  std::fprintf(stderr, "bpfgated-metrics: %s\n", error.message.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  %s\n", error.remedy.c_str());
  return 1;
}

int usage() {
  std::fprintf(stderr, "usage: bpfgated-metrics [--version] [FILE]; see bpfgated(8)\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const option options[] = {{"version", no_argument, nullptr, 'v'}, {nullptr, 0, nullptr, 0}};
  for (int word = 0; (word = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    if (word != 'v') return usage();
    return std::puts("bpfgated-metrics " BPFGATE_VERSION) < 0;
  }
  if (argc - optind > 1) return usage();
  try {
    auto done = serve(optind < argc ? argv[optind] : bpfgate::service::default_metrics_file);
    return done ? 0 : report(done.error());
  } catch (const std::exception& error) {  // out of memory, or a defect in a library
    std::fprintf(stderr, "bpfgated-metrics: %s\n", error.what());
    return 1;
  }
}
