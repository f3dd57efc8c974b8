// SPDX-License-Identifier: MIT
// The gate that bpfgate is measured against: at each bpf(2) it takes the caller's executable, reads its fs-verity
// digest and its signature and has the kernel verify them. It remembers nothing. That is the plain way to do it, not an
// attempt at a fast one.
#include "kernel.bpf.h"

char bench_license[] SEC("license") = "Dual MIT/GPL";

const volatile __s32 keyring = 0;

struct message {
  char magic[8];
  __u16 algorithm;
  __u16 size;
  __u8 value[32];
};

// Shared by all processors: enough where one process at a time is measured, and nowhere else.
struct message message = {.magic = "FSVerity"};
__u8 signature[2048];

static __always_inline int verify(struct file* file) {
  struct bpf_dynptr digest, data, buffer, signed_by;
  struct bpf_key* key;
  int length, error;

  if (bpf_dynptr_from_mem(&message.algorithm, sizeof(message) - sizeof(message.magic), 0, &digest) ||
      bpf_get_fsverity_digest(file, &digest) < 0 || message.size != sizeof(message.value))
    return -EPERM;
  if (bpf_dynptr_from_mem(signature, sizeof(signature), 0, &buffer)) return -EPERM;
  length = bpf_get_file_xattr(file, "user.bpf_prog_sig", &buffer);
  if (length <= 0 || length > (int)sizeof(signature)) return -EPERM;
  if (bpf_dynptr_from_mem(&message, sizeof(message), 0, &data) || bpf_dynptr_from_mem(signature, length, 0, &signed_by))
    return -EPERM;
  key = bpf_lookup_user_key(keyring, 0);
  if (!key) return -EPERM;
  error = bpf_verify_pkcs7_signature(&data, &signed_by, key);
  bpf_key_put(key);
  return error ? -EPERM : 0;
}

SEC("lsm.s/bpf")
int reference(void* ctx) {
  struct file* file = bpf_get_task_exe_file(bpf_get_current_task_btf());
  int error;

  if (!file) return -EPERM;
  error = verify(file);
  bpf_put_file(file);
  if (error) return -EPERM;
  return 0;
}
