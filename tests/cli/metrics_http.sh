#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bpfgated-metrics serves a file at /metrics, on a socket it is handed as systemd would, and nothing else.
. "$(dirname "$0")/lib.sh"

# socket_of NAME COMMAND...: a listening socket as descriptor 3; its port goes to the file port.
socket_of() {
  exec python3 -c '
import os, socket, sys
listener = socket.create_server(("127.0.0.1", 0))
os.dup2(listener.fileno(), 3)
os.set_inheritable(3, True)
with open("port.new", "w") as file: file.write(str(listener.getsockname()[1]))
os.rename("port.new", "port")
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES=sys.argv[1])
os.execv(sys.argv[2], sys.argv[2:])' "$@"
}

(socket_of metrics "$BPFGATED_METRICS" "$here/metrics.prom") &
server=$!
trap 'kill $server 2>/dev/null || :; rm -rf "$here"' EXIT
for _ in $(seq 500); do [ ! -e port ] || break; sleep 0.02; done
[ -e port ] || fail "it does not start"

# ask METHOD PATH [BODY]: status line and headers of interest in .out, the body in .body.
ask() {
  python3 - "$(cat port)" "$@" >.out <<'PYTHON' || fail "no answer to: $*" 1
import http.client, sys
connection = http.client.HTTPConnection("127.0.0.1", int(sys.argv[1]), timeout=30)
connection.request(sys.argv[2], sys.argv[3], *sys.argv[4:])
answer = connection.getresponse()
print(answer.status)
for header in "Content-Type", "Allow":
    if answer.getheader(header): print(f"{header}: {answer.getheader(header)}")
open(".body", "wb").write(answer.read())
PYTHON
}

ask GET /metrics
out 503
printf 'bpfgate_gate_loaded 1\n' >metrics.prom
ask GET /metrics
out 200
out 'Content-Type: text/plain; version=0.0.4; charset=utf-8'
cmp -s .body metrics.prom || fail "another text"
# Scrapers may add a query.
ask GET '/metrics?name=value'
out 200
for path in / /metrics/ /metricsx /etc/passwd /../metrics.prom; do
  ask GET "$path"
  out 404
done
for method in HEAD PUT DELETE OPTIONS; do
  ask "$method" /metrics
  out 405
  out 'Allow: GET'
done
ask POST /metrics body
out 405
# What nobody has written for a while is no news.
touch -d '2 minutes ago' metrics.prom
ask GET /metrics
out 503
grep -q 'older than a minute' .body || fail "the body does not say why"

# Nonsense and impatience hurt nobody but those they come from.
for request in 'nonsense\r\n\r\n' 'GET\0/metrics HTTP/1.1\r\n\r\n' 'GET /metrics HTTP/9.9\r\n\r\n'; do
  exec {connection}<>"/dev/tcp/127.0.0.1/$(cat port)"
  printf "$request" >&"$connection"
  exec {connection}>&-
done
printf 'fresh 1\n' >metrics.prom
ask GET /metrics
out 200

kill "$server"
wait "$server" || fail "told to stop, it exits with $?"

expect 1 "$BPFGATED_METRICS"
err 'no listening socket'
expect 1 bash -c "$(declare -f socket_of); socket_of query $BPFGATED_METRICS"
err 'no listening socket'
expect 2 "$BPFGATED_METRICS" one two
expect 2 "$BPFGATED_METRICS" --port
expect 0 "$BPFGATED_METRICS" --version
