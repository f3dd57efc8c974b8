// SPDX-License-Identifier: MIT
#include "base/copy.h"

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>

#include "base/bytes.h"

namespace bpfgate {
namespace {

constexpr size_t piece_size = size_t{1} << 20;

Result<> write_all(int fd, ByteView content, off_t offset) {
  while (!content.empty()) {
    ssize_t count = ::pwrite(fd, content.data(), content.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("write the copy");
    content = content.subspan(static_cast<size_t>(count));
    offset += count;
  }
  return {};
}

Result<> copy_range(int from, int to, off_t begin, off_t end) {
  Bytes piece(std::min<size_t>(static_cast<size_t>(end - begin), piece_size));
  while (begin < end) {
    const size_t wanted = std::min<size_t>(static_cast<size_t>(end - begin), piece.size());
    ssize_t count = ::pread(from, piece.data(), wanted, begin);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (count == 0) return fail(ErrorKind::Failed, "became shorter while it was copied");
    TRY(write_all(to, ByteView(piece).first(static_cast<size_t>(count)), begin));
    begin += count;
  }
  return {};
}

Result<> copy_data(int from, int to, off_t size) {
  off_t end = 0;
  while (end < size) {
    off_t begin = ::lseek(from, end, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) return {};  // a hole up to the end
    if (begin < 0) return fail_errno("look for data in the image");
    end = ::lseek(from, begin, SEEK_HOLE);
    if (end < 0) return fail_errno("look for holes in the image");
    TRY(copy_range(from, to, begin, end));
  }
  return {};
}

}  // namespace

Result<> copy_content(int from, int to, off_t size) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  if (::ftruncate(to, size) != 0) return fail_errno("make room for the copy");
  return copy_data(from, to, size);
}

}  // namespace bpfgate
