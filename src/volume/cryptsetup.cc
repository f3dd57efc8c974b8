// SPDX-License-Identifier: MIT
#include "volume/cryptsetup.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/bytes.h"

namespace bpfgate::volume {
namespace {

// What it says before there is a device to say it of is in the number that it returns.
void drop_message(int /*level*/, const char* /*text*/, void* /*nothing*/) {}

void keep_message(int level, const char* text, void* messages) {
  if (level != CRYPT_LOG_ERROR) return;
  std::string line = text;
  while (line.ends_with('\n') || line.ends_with('.')) line.pop_back();
  auto& all = *static_cast<std::string*>(messages);
  if (!all.empty()) all += "; ";
  all += printable(line);
}

Result<Cryptsetup> load() {
  TRY_ASSIGN(SharedLibrary shared,
             SharedLibrary::load("libcryptsetup.so.12", "install it: Debian's package is libcryptsetup12"));
  Cryptsetup library;
  BPFGATE_CRYPTSETUP_FUNCTIONS(BPFGATE_FIND_FUNCTION)
  library.crypt_set_log_callback(nullptr, drop_message, nullptr);
  return library;
}

Result<const Cryptsetup*> cryptsetup() {
  static const Result<Cryptsetup> loaded = load();
  if (!loaded) return Failure(loaded.error());
  return &*loaded;
}

}  // namespace

Result<Context> Context::open(const std::filesystem::path& tree, const std::filesystem::path& image) {
  TRY_ASSIGN(const Cryptsetup* library, cryptsetup());
  crypt_device* raw = nullptr;
  const int code = library->crypt_init_data_device(&raw, tree.c_str(), image.c_str());
  if (code < 0) return fail_errno(tree.string() + ", the hash tree of " + image.string(), -code);
  std::unique_ptr<crypt_device, Closer> device(raw, Closer{library});
  auto messages = std::make_unique<std::string>();
  library->crypt_set_log_callback(raw, keep_message, messages.get());
  return Context(library, std::move(device), std::move(messages));
}

std::string Context::complaint() const { return std::exchange(*messages_, {}); }

Failure Context::failure(const std::string& what, int code, std::string remedy) const {
  std::string said = complaint();
  if (said.empty()) said = std::strerror(-code);
  Failure failure = fail(ErrorKind::Failed, what + ": " + said, std::move(remedy));
  failure.error().code = -code;
  return failure;
}

}  // namespace bpfgate::volume
