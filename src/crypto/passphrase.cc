// SPDX-License-Identifier: MIT
#include "crypto/passphrase.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <unistd.h>

#include <cstring>

#include "base/io.h"

namespace bpfgate::crypto {
namespace {

constexpr size_t max_passphrase = 1024;  // PEM_BUFSIZE, the room OpenSSL gives us

// Byte by byte, so that nothing behind the line is consumed: a second key's PIN may follow on the same descriptor.
Result<std::string> read_line(int fd, const std::string& name) {
  std::string line;
  for (;;) {
    char byte = 0;
    ssize_t count = ::read(fd, &byte, 1);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail(ErrorKind::Key, "read the PIN from " + name + ": " + std::strerror(errno));
    if (count == 0 || byte == '\n') break;
    line += byte;
    if (line.size() > max_passphrase) return fail(ErrorKind::Key, name + ": too long for a PIN or pass phrase");
  }
  if (line.ends_with('\r')) line.pop_back();
  if (line.empty()) return fail(ErrorKind::Key, name + ": no PIN or pass phrase in its first line");
  return line;
}

// OpenSSL's own reader would fall back to standard input, which may be the list of files to sign.
Result<> check_terminal() {
  UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (terminal) return {};
  return fail(ErrorKind::Key, "the key needs a PIN or pass phrase, and there is no terminal to ask for it",
              "give it with --pin-file or --pin-fd");
}

}  // namespace

PassphraseSource passphrase_from_file(std::filesystem::path path) {
  return [path = std::move(path)]() -> Result<std::string> {
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail(ErrorKind::Key, "PIN file " + path.string() + ": " + std::strerror(errno));
    return read_line(fd.get(), "PIN file " + path.string());
  };
}

PassphraseSource passphrase_from_fd(int fd) {
  return [fd]() { return read_line(fd, "descriptor " + std::to_string(fd)); };
}

PassphraseSource passphrase_from_terminal(std::string prompt) {
  return [prompt = std::move(prompt)]() -> Result<std::string> {
    TRY(check_terminal());
    std::string text(max_passphrase, '\0');
    // OpenSSL's own method by name: it switches the echo off, and on again when a signal interrupts it. The default
    // method may have been taken away (token.cc).
    UiPtr ui(UI_new_method(UI_OpenSSL()));
    bool is_entered =
        ui && UI_add_input_string(ui.get(), prompt.c_str(), 0, text.data(), 1, static_cast<int>(text.size()) - 1) > 0 &&
        UI_process(ui.get()) == 0;
    std::string answer(text.c_str());
    OPENSSL_cleanse(text.data(), text.size());
    drain_errors();
    if (is_entered) return answer;
    return fail(ErrorKind::Key, "no PIN or pass phrase was entered");
  };
}

int PassphrasePrompt::answer(char* buffer, int size, int /*is_encryption*/, void* prompt) {
  return static_cast<PassphrasePrompt*>(prompt)->fill(buffer, size);
}

int PassphrasePrompt::fill(char* buffer, int size) {
  if (std::exchange(asked_, true)) return -1;
  auto passphrase = source_();
  if (!passphrase) {
    error_ = std::move(passphrase).error();
    return -1;
  }
  if (passphrase->size() > static_cast<size_t>(size)) return -1;
  std::memcpy(buffer, passphrase->data(), passphrase->size());
  int length = static_cast<int>(passphrase->size());
  OPENSSL_cleanse(passphrase->data(), passphrase->size());
  return length;
}

}  // namespace bpfgate::crypto
