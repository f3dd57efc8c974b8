// SPDX-License-Identifier: MIT
// Other people's tools, run for what they print or write: their results are what ours are held against.
#pragma once

#include <array>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <utility>

#include "temporary_directory.h"

namespace bpfgate::test {

struct ShellResult {
  int status = 0;
  std::string output;  // stdout and stderr
};

inline ShellResult run_shell(const std::string& command) {
  FILE* pipe = ::popen(("(" + command + ") 2>&1").c_str(), "re");
  if (pipe == nullptr) throw std::runtime_error("popen");
  ShellResult result;
  std::array<char, 4096> chunk;
  while (size_t count = std::fread(chunk.data(), 1, chunk.size(), pipe)) result.output.append(chunk.data(), count);
  result.status = ::pclose(pipe);
  return result;
}

// What the command prints; one that fails ends the test.
inline std::string shell(const std::string& command) {
  ShellResult result = run_shell(command);
  if (result.status != 0) throw std::runtime_error(command + ": " + result.output);
  return result.output;
}

// A temporary directory in which commands run and keys are made.
class Bench : public TemporaryDirectory {
 public:
  [[nodiscard]] std::string operator/(const std::string& name) const { return (path() / name).string(); }

  std::string run(const std::string& command) const { return shell("cd '" + path().string() + "' && " + command); }

  void write(const std::string& name, std::string_view content) const { (void)file(name, content); }

  // NAME.key and NAME.pem; `options` says what kind of key, in the words of openssl-req(1).
  void make_signer(const std::string& name, const std::string& options = "-newkey rsa:2048") const {
    run("openssl req -x509 " + options + " -noenc -days 30 -subj '/O=Test/CN=" + name + "' -keyout " + name +
        ".key -out " + name + ".pem");
  }
};

}  // namespace bpfgate::test
