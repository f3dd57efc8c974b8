// SPDX-License-Identifier: MIT
// What a BPF LSM costs that does nothing: no gate can be below the first, and none that may sleep below the second.
#include "kernel.bpf.h"

char bench_license[] SEC("license") = "Dual MIT/GPL";

SEC("lsm/bpf")
int empty(void* ctx) { return 0; }

SEC("lsm.s/bpf")
int empty_sleepable(void* ctx) { return 0; }
