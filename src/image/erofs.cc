// SPDX-License-Identifier: MIT
#include "image/erofs.h"

#include <unistd.h>

#include <array>
#include <iterator>
#include <regex>

#include "base/process.h"

namespace bpfgate::image {
namespace {

constexpr size_t max_answer = 65536;

Result<std::string> read_answer(int output) {
  std::string answer;
  std::array<char, 4096> piece;
  for (;;) {
    const ssize_t count = ::read(output, piece.data(), piece.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read what dump.erofs prints");
    if (count == 0) return answer;
    answer.append(piece.data(), static_cast<size_t>(count));
    if (answer.size() > max_answer) return fail(ErrorKind::Failed, "dump.erofs prints more than it should");
  }
}

// Its standard input is the image, which it opens there: the one that was verified, whatever has its name by now.
Result<std::string> ask(const HeldFile& image, const std::string& path) {
  auto process =
      Process::start({"dump.erofs", "--path=" + path, "/proc/self/fd/0"}, Process::Complaints::Hidden, image.fd());
  if (!process && process.error().code == ENOENT)
    return fail(ErrorKind::Unsupported, "dump.erofs is not there", "install it: Debian's package is erofs-utils");
  if (!process) return Failure(std::move(process).error());
  TRY_ASSIGN(std::string answer, read_answer(process->output()));
  TRY_ASSIGN(const int status, process->wait());
  // Some versions say 0 whatever came of it, so an answer is what has a number in it.
  if (status > 128) return fail(ErrorKind::Failed, "dump.erofs was ended by signal " + std::to_string(status - 128));
  return answer;
}

// "Size: 35664  On-disk size: 35664  regular file", and in the next line "NID: 10496   Links: 1   Layout: 2". The
// number of the inode is the node's (erofs_iget() in fs/erofs/inode.c).
Result<uint64_t> number_of(const HeldFile& image, const std::string& path) {
  // They would be lines of their own in the answer.
  if (path.find('\n') != std::string::npos)
    return fail(ErrorKind::Unsupported, "has a line break in its name", "rename it, or use another file system");
  TRY_ASSIGN(const std::string answer, ask(image, path));
  static const std::regex form("(?:^|\n)Size: *[0-9]+ +On-disk size: *[0-9]+ +([a-z ]+)\nNID: *([0-9]{1,19}) ");
  const std::sregex_iterator answers(answer.begin(), answer.end(), form);
  if (answers == std::sregex_iterator())
    return fail(ErrorKind::Failed, "there is no such file in the image",
                "paths begin at the root of the image, and no symbolic link may be on the way");
  // In front of it stands the first of the file's names, which is the image's and may have lines of its own.
  if (std::distance(answers, {}) > 1)
    return fail(ErrorKind::Failed, "has a name that dump.erofs prints as if it were an answer",
                "whoever made the image wants it mistaken for another file: make it without that name");
  const std::smatch& found = *answers;
  if (found[1].str().starts_with("symlink"))
    return fail(ErrorKind::Failed, "is a symbolic link", "name the file that it points to, as a path in the image");
  if (!found[1].str().starts_with("regular"))
    return fail(ErrorKind::Failed, "is no regular file", "name the executable");
  return std::stoull(found[2].str());
}

}  // namespace

Result<std::vector<uint64_t>> erofs_numbers(const HeldFile& image, std::span<const std::string> paths) {
  std::vector<uint64_t> numbers;
  for (const std::string& path : paths) {
    Result<uint64_t> number = number_of(image, path);
    if (!number) return Failure(std::move(number).error().within(path));
    numbers.push_back(*number);
  }
  return numbers;
}

}  // namespace bpfgate::image
