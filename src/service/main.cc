// SPDX-License-Identifier: MIT
#include <getopt.h>

#include <cstdio>
#include <exception>

#include "gate/gate.h"
#include "service/service.h"
#include "service/textfile.h"

namespace {

// Of sd-daemon(3): the service manager restarts it after a failure, and there is nobody else to tell.
int report(const bpfgate::Error& error) {
  std::fprintf(stderr, "bpfgated: %s\n", error.message.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  %s\n", error.remedy.c_str());
  return 1;
}

int usage() {
  std::fprintf(stderr, "usage: bpfgated [--version] [--metrics-file FILE]; see bpfgated(8)\n");
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  const option options[] = {{"version", no_argument, nullptr, 'v'},
                            {"metrics-file", required_argument, nullptr, 'm'},
                            {nullptr, 0, nullptr, 0}};
  const char* metrics_file = bpfgate::service::default_metrics_file;
  for (int word = 0; (word = ::getopt_long(argc, argv, "", options, nullptr)) != -1;) {
    if (word == 'v') return std::puts("bpfgated " BPFGATE_VERSION) < 0;
    if (word != 'm') return usage();
    metrics_file = optarg;
  }
  if (optind != argc) return usage();
  try {
    auto done = bpfgate::service::run(bpfgate::gate::default_pin_directory, metrics_file);
    return done ? 0 : report(done.error());
  } catch (const std::exception& error) {  // out of memory, or a defect in a library
    std::fprintf(stderr, "bpfgated: %s\n", error.what());
    return 1;
  }
}
