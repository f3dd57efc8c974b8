// SPDX-License-Identifier: MIT
// The one way a fallible function answers. Library code returns an Error; only programs print it, once.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace bpfgate {

// What went wrong, in the classes that a caller treats differently. The command line maps them to exit statuses.
enum class ErrorKind {
  Failed,       // an operation did not succeed: I/O, a system call, a corrupt file
  Invalid,      // the input is wrong and the message says where and how to mend it
  Refused,      // the operation is possible but must not be done (a lint, a lock-out)
  Usage,        // the words of the call are off
  Unsupported,  // this kernel, file system or build cannot do it
  Key,          // a key, certificate, token or PIN cannot be used
};

struct Error {
  ErrorKind kind = ErrorKind::Failed;
  std::string message;  // names the file and the place
  std::string remedy;   // what to do about it; may be empty
  int code = 0;         // errno where a system call failed, else 0

  // Puts the caller's context in front: "load /etc/x: no such file".
  [[nodiscard]] Error within(std::string_view context) && {
    message = std::string(context) + ": " + message;
    return std::move(*this);
  }
};

// std::expected in a type of our own, so that discarding one is an error on every compiler.
template <class T = void>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
};

using Failure = std::unexpected<Error>;

inline Failure fail(ErrorKind kind, std::string message, std::string remedy = {}) {
  return Failure(Error{kind, std::move(message), std::move(remedy), 0});
}

// For a system call that set errno; call it before anything else can change errno.
inline Failure fail_errno(std::string_view what, int code = errno) {
  return Failure(Error{ErrorKind::Failed, std::string(what) + ": " + std::strerror(code), {}, code});
}

}  // namespace bpfgate

#define BPFGATE_CONCAT_(a, b) a##b
#define BPFGATE_CONCAT(a, b) BPFGATE_CONCAT_(a, b)

// TRY(expr): return the error of a Result<> from the enclosing function.
#define TRY(expr)                                           \
  if (auto try_result_ = (expr); !try_result_) [[unlikely]] \
  return std::unexpected(std::move(try_result_).error())

// TRY_ASSIGN(auto x, expr): the same, and bind the value on success.
#define TRY_ASSIGN(declaration, expr)                                                 \
  auto BPFGATE_CONCAT(try_result_, __LINE__) = (expr);                                \
  if (!BPFGATE_CONCAT(try_result_, __LINE__)) [[unlikely]]                            \
    return std::unexpected(std::move(BPFGATE_CONCAT(try_result_, __LINE__)).error()); \
  declaration = std::move(*BPFGATE_CONCAT(try_result_, __LINE__))
