// SPDX-License-Identifier: MIT
#include "crypto/pem_key.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>

#include "base/io.h"
#include "crypto/passphrase.h"

namespace bpfgate::crypto {
namespace {

constexpr size_t max_key_file = 1 << 20;

Result<Bytes> read_key_file(const std::string& path) {
  auto content = read_file(path, max_key_file);
  if (content) return content;
  Error error = std::move(content).error();
  error.kind = ErrorKind::Key;
  return std::unexpected(std::move(error).within("key"));
}

}  // namespace

Result<KeyPtr> load_pem_key(const std::string& path, const PassphraseSource& passphrase) {
  TRY_ASSIGN(Bytes content, read_key_file(path));
  BioPtr bio = bio_over(content);
  PassphrasePrompt prompt(passphrase);
  KeyPtr key(bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, PassphrasePrompt::answer, &prompt) : nullptr);
  OPENSSL_cleanse(content.data(), content.size());
  if (prompt.error()) {
    drain_errors();
    return std::unexpected(Error(*prompt.error()).within("key " + path));
  }
  if (key) {
    drain_errors();
    return key;
  }
  if (prompt.was_asked()) {
    drain_errors();  // "bad decrypt" or worse; the pass phrase is what a person can mend
    return fail(ErrorKind::Key, "key " + path + ": the pass phrase does not decrypt it");
  }
  return key_failure("key " + path + ": no private key in PEM");
}

}  // namespace bpfgate::crypto
