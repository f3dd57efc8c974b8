// SPDX-License-Identifier: MIT
#include <mutex>

#include "crypto/key_kind.h"
#include "crypto/openssl.h"
#include "crypto/pem_key.h"
#include "crypto/token.h"

namespace bpfgate::crypto {
namespace {

// What `fsverity sign` sets, and why:
//   BINARY    the message is bytes; without it OpenSSL would rewrite line ends
//   DETACHED  the verifier builds the message itself, from the digest it measured; the kernel refuses an attached one
//   NOATTR    nothing but the message is signed, so the same message gives the same RSA signature, today or next year
//   NOCERTS   the kernel takes the certificate from its keyring; one in the signature would only cost xattr space
//   PARTIAL   the digest algorithm is chosen when the signer is added; without it SHA-256 would be added first
constexpr int pkcs7_flags = PKCS7_BINARY | PKCS7_DETACHED | PKCS7_NOATTR | PKCS7_NOCERTS | PKCS7_PARTIAL;

Result<Bytes> encode(PKCS7* pkcs7) {
  unsigned char* encoded = nullptr;
  int size = i2d_PKCS7(pkcs7, &encoded);
  if (size <= 0) return key_failure("encode the signature");
  Bytes bytes(encoded, encoded + size);
  OPENSSL_free(encoded);
  return bytes;
}

Result<Certificate> copy_of(const Certificate& certificate) {
  return Certificate::parse(certificate.der(), certificate.subject());
}

}  // namespace

struct Signer::State {
  KeyPtr key;
  Certificate certificate;
  OSSL_LIB_CTX* context = nullptr;  // the token library's, or null for OpenSSL's own
  bool in_token = false;
  mutable std::mutex token_mutex;  // PKCS#11 sessions are not for two threads at once
};

Signer::Signer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Signer::Signer(Signer&&) noexcept = default;
Signer& Signer::operator=(Signer&&) noexcept = default;
Signer::~Signer() = default;

Result<Signer> Signer::create(const std::string& key_path_or_uri, const Certificate& certificate,
                              const PassphraseSource& passphrase) {
  // The certificate first: what is wrong with it is found without asking for a PIN.
  TRY(certificate.check_kernel_can_verify());
  const bool in_token = is_token_uri(key_path_or_uri);
  OSSL_LIB_CTX* context = nullptr;
  if (in_token) {
    TRY_ASSIGN(context, token_context());
  }
  TRY_ASSIGN(KeyPtr key,
             in_token ? load_token_key(key_path_or_uri, passphrase) : load_pem_key(key_path_or_uri, passphrase));
  TRY(check_key_kind(key.get(), "key " + key_path_or_uri));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    drain_errors();
    return fail(ErrorKind::Key,
                "the certificate " + certificate.subject() + " does not belong to the key " + key_path_or_uri,
                "give the certificate that was issued for this key");
  }
  TRY_ASSIGN(Certificate copy, copy_of(certificate));
  auto state = std::unique_ptr<State>(new State{std::move(key), std::move(copy), context, in_token, {}});
  return Signer(std::move(state));
}

// ECDSA draws a nonce for each signature.
bool Signer::is_reproducible() const { return EVP_PKEY_is_a(state_->key.get(), "RSA") == 1; }

Result<Bytes> Signer::sign_detached(ByteView message, HashAlgorithm hash) const {
  std::unique_lock lock(state_->token_mutex, std::defer_lock);
  if (state_->in_token) lock.lock();
  const State& state = *state_;
  Pkcs7Ptr pkcs7(PKCS7_sign_ex(nullptr, nullptr, nullptr, nullptr, pkcs7_flags, state.context, nullptr));
  BioPtr bio = bio_over(message);
  if (!pkcs7 || !bio) return key_failure("sign: out of memory");
  if (PKCS7_sign_add_signer(pkcs7.get(), state.certificate.get(), state.key.get(), digest_of(hash), pkcs7_flags) ==
          nullptr ||
      PKCS7_final(pkcs7.get(), bio.get(), pkcs7_flags) != 1)
    return key_failure("the key does not sign");
  return encode(pkcs7.get());
}

}  // namespace bpfgate::crypto
