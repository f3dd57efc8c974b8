// SPDX-License-Identifier: MIT
#include <cstdio>
#include <cstring>
#include <exception>

#include "gate/gate.h"
#include "service/service.h"

namespace {

// Of sd-daemon(3): the service manager restarts it after a failure, and there is nobody else to tell.
int report(const bpfgate::Error& error) {
  std::fprintf(stderr, "bpfgated: %s\n", error.message.c_str());
  if (!error.remedy.empty()) std::fprintf(stderr, "  %s\n", error.remedy.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--version") == 0) return std::puts("bpfgated " BPFGATE_VERSION) < 0;
  if (argc != 1) {
    std::fprintf(stderr, "usage: bpfgated [--version]; see bpfgated(8)\n");
    return 2;
  }
  try {
    auto done = bpfgate::service::run(bpfgate::gate::default_pin_directory);
    return done ? 0 : report(done.error());
  } catch (const std::exception& error) {  // out of memory, or a defect in a library
    std::fprintf(stderr, "bpfgated: %s\n", error.what());
    return 1;
  }
}
