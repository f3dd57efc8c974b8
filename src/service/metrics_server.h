// SPDX-License-Identifier: MIT
// The metrics over HTTP: GET /metrics, and nothing else.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"

struct MHD_Daemon;

namespace bpfgate::service {

// Answers on a thread of its own until it goes.
class MetricsServer {
 public:
  // Asked for each answer, on that thread. A failure is told to the client (503).
  using Source = std::function<Result<std::string>()>;

  // `listener`: a listening stream socket.
  static Result<MetricsServer> start(UniqueFd listener, Source source);

 private:
  struct Stop {
    void operator()(MHD_Daemon* daemon) const;
  };
  explicit MetricsServer(Source source) : source_(std::make_unique<Source>(std::move(source))) {}

  std::unique_ptr<Source> source_;  // where the thread finds it, so it goes last
  std::unique_ptr<MHD_Daemon, Stop> daemon_;
};

}  // namespace bpfgate::service
