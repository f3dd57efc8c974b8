// SPDX-License-Identifier: MIT OR GPL-2.0-only
/* The one BPF object: everything that shares the maps. */
#include "gate.bpf.c"
#include "call.bpf.c"
#include "guard.bpf.c"
#include "marks.bpf.c"
#include "volume.bpf.c"

char bpfgate_license[] SEC("license") = "Dual MIT/GPL";
