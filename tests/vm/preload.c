// SPDX-License-Identifier: MIT
/* A library nobody signed, for LD_PRELOAD and its like. It leaves a file behind where it was loaded. */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

__attribute__((constructor)) static void leave_trace(void) {
  int fd = open("/tmp/preloaded", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

  if (fd >= 0) close(fd);
}
