// SPDX-License-Identifier: MIT
#include "crypto/hash.h"

#include "crypto/openssl.h"

namespace bpfgate::crypto {
namespace {

Failure hash_failure() { return fail(ErrorKind::Failed, "compute a hash: " + drain_errors()); }

}  // namespace

void Hasher::Deleter::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Result<Hasher> Hasher::create(HashAlgorithm algorithm) {
  Context context(EVP_MD_CTX_new());
  if (!context || EVP_DigestInit_ex(context.get(), digest_of(algorithm), nullptr) != 1) return hash_failure();
  return Hasher(std::move(context));
}

Result<> Hasher::update(ByteView bytes) {
  if (EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) != 1) return hash_failure();
  return {};
}

Result<Bytes> Hasher::finish() {
  Bytes digest(EVP_MAX_MD_SIZE);
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(context_.get(), digest.data(), &size) != 1) return hash_failure();
  digest.resize(size);
  return digest;
}

}  // namespace bpfgate::crypto
