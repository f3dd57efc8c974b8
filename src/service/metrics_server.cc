// SPDX-License-Identifier: MIT
#include "service/metrics_server.h"

#include <microhttpd.h>

#include <cstring>
#include <exception>

namespace bpfgate::service {
namespace {

// One scraper asks every few seconds. Whoever wants more connections, or is slower, is no scraper.
constexpr unsigned max_connections = 16;
constexpr unsigned timeout_seconds = 10;
constexpr size_t memory_per_connection = size_t{16} << 10;

struct Answer {
  unsigned status = MHD_HTTP_OK;
  const char* header = MHD_HTTP_HEADER_CONTENT_TYPE;
  const char* value = "text/plain; charset=utf-8";
  std::string body;
};

Answer answer_to(const char* path, const char* method, const MetricsServer::Source& source) {
  if (std::strcmp(path, "/metrics") != 0)
    return {.status = MHD_HTTP_NOT_FOUND, .body = "the metrics are in /metrics\n"};
  if (std::strcmp(method, MHD_HTTP_METHOD_GET) != 0)
    return {.status = MHD_HTTP_METHOD_NOT_ALLOWED,
            .header = MHD_HTTP_HEADER_ALLOW,
            .value = MHD_HTTP_METHOD_GET,
            .body = "GET only\n"};
  Result<std::string> text = source();
  if (!text) return {.status = MHD_HTTP_SERVICE_UNAVAILABLE, .body = text.error().message + "\n"};
  return {.value = "text/plain; version=0.0.4; charset=utf-8", .body = std::move(*text)};
}

MHD_Result send(MHD_Connection* connection, const Answer& answer) {
  MHD_Response* response = ::MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()),
                                                             MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_Result done = ::MHD_add_response_header(response, answer.header, answer.value);
  if (done == MHD_YES) done = ::MHD_queue_response(connection, answer.status, response);
  ::MHD_destroy_response(response);
  return done;
}

// Called with the headers, before any body: whatever there is of one is not waited for.
MHD_Result on_request(void* source, MHD_Connection* connection, const char* path, const char* method, const char*,
                      const char*, size_t*, void**) {
  try {
    return send(connection, answer_to(path, method, *static_cast<MetricsServer::Source*>(source)));
  } catch (const std::exception&) {  // out of memory: the connection is closed
    return MHD_NO;
  }
}

}  // namespace

void MetricsServer::Stop::operator()(MHD_Daemon* daemon) const { ::MHD_stop_daemon(daemon); }

Result<MetricsServer> MetricsServer::start(UniqueFd listener, Source source) {
  MetricsServer server(std::move(source));
  // The port is the socket's. Without ITC the daemon is stopped by shutting the socket down, which systemd has as well.
  server.daemon_.reset(::MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC, 0, nullptr, nullptr, on_request,
                                          server.source_.get(), MHD_OPTION_LISTEN_SOCKET, listener.get(),
                                          MHD_OPTION_CONNECTION_LIMIT, max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
                                          timeout_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory_per_connection,
                                          MHD_OPTION_END));
  if (!server.daemon_) return fail(ErrorKind::Failed, "cannot serve HTTP on the socket that was handed over");
  (void)listener.release();  // closed with the daemon
  return server;
}

}  // namespace bpfgate::service
