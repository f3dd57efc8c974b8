// SPDX-License-Identifier: MIT
// Private to this room: libcryptsetup, loaded where a hash tree is at hand.
#pragma once

#include <libcryptsetup.h>

#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/shared_library.h"

// Every function that is called, by its own name.
// clang-format off
#define BPFGATE_CRYPTSETUP_FUNCTIONS(X)                                                                         \
  X(crypt_activate_by_signed_key) X(crypt_activate_by_volume_key) X(crypt_format) X(crypt_free)                 \
  X(crypt_get_uuid) X(crypt_get_verity_info) X(crypt_get_volume_key_size) X(crypt_init_data_device) X(crypt_load) X(crypt_set_log_callback)  \
  X(crypt_volume_key_get)
// clang-format on

namespace bpfgate::volume {

struct Cryptsetup {
  BPFGATE_CRYPTSETUP_FUNCTIONS(BPFGATE_DECLARE_FUNCTION)
};

// A hash tree and the data it is of; both may be files or block devices. Move-only.
class Context {
 public:
  // Where libcryptsetup is not there: ErrorKind::Unsupported.
  static Result<Context> open(const std::filesystem::path& tree, const std::filesystem::path& image);

  [[nodiscard]] crypt_device* get() const { return device_.get(); }
  [[nodiscard]] const Cryptsetup& library() const { return *library_; }

  // "WHAT: Verification failed at position 4096", in the library's own words since the last failure. `code` is what it
  // returned, a negative errno.
  [[nodiscard]] Failure failure(const std::string& what, int code, std::string remedy = {}) const;
  // What it has said, whatever it returned; empty: nothing.
  [[nodiscard]] std::string complaint() const;

 private:
  struct Closer {
    const Cryptsetup* library;
    void operator()(crypt_device* device) const { library->crypt_free(device); }
  };
  Context(const Cryptsetup* library, std::unique_ptr<crypt_device, Closer> device,
          std::unique_ptr<std::string> messages)
      : library_(library), messages_(std::move(messages)), device_(std::move(device)) {}

  const Cryptsetup* library_;
  std::unique_ptr<std::string> messages_;  // the device refers to it, so it goes last
  std::unique_ptr<crypt_device, Closer> device_;
};

}  // namespace bpfgate::volume
