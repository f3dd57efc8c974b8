#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Without a gate there is one number, and the exit status is as without --prometheus.
. "$(dirname "$0")/lib.sh"

expect 1 bpfgate gate status --prometheus --pin-directory "$here/none"
no_err
out_is '# HELP bpfgate_gate_loaded Whether there is a gate in the kernel.
# TYPE bpfgate_gate_loaded gauge
bpfgate_gate_loaded 0'
expect 2 bpfgate gate status --prometheus --json
expect 2 bpfgate gate unload --prometheus
if [ -w /dev/full ]; then
  expect 1 bash -c '"$BPFGATE" gate status --prometheus --pin-directory none >/dev/full'
  err 'standard output'
fi
