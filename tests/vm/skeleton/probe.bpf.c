// SPDX-License-Identifier: MIT
/* What signed skeletons load in tests: a map, global variables with and without a value, and programs that are attached
 * by each of the two commands that skeletons use.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

const volatile int step = 7;
int switches = 0;

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, __u64);
} counts SEC(".maps");

SEC("raw_tp/sched_switch")
int count_switch(void* context) {
  __u32 zero = 0;
  __u64* count = bpf_map_lookup_elem(&counts, &zero);

  if (count) *count += 1;
  switches = step;
  return 0;
}

SEC("iter/task")
int list_tasks(void* context) { return 0; }

char _license[] SEC("license") = "GPL";
