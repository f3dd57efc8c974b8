// SPDX-License-Identifier: MIT
#include "base/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace bpfgate {

Result<Process> Process::start(std::vector<std::string> words, Complaints complaints, int input) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return fail_errno("pipe");
  Process process;
  process.output_ = UniqueFd(ends[0]);
  UniqueFd output(ends[1]);
  TRY(process.spawn(words, input, output.get(), complaints));
  return process;
}

Result<> Process::spawn(std::vector<std::string>& words, int input, int output, Complaints complaints) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (input != STDIN_FILENO) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  if (complaints == Complaints::Hidden)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int code = ::posix_spawnp(&id_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (code == 0) return {};
  id_ = 0;
  return fail_errno(words[0], code);
}

Result<int> Process::wait() {
  if (id_ == 0) return 0;
  output_ = UniqueFd();
  int status = 0;
  if (::waitpid(std::exchange(id_, 0), &status, 0) < 0) return fail_errno("waitpid");
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace bpfgate
