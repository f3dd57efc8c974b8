// SPDX-License-Identifier: MIT
// Hashes of more bytes than one would hold in memory.
#pragma once

#include <memory>

#include "base/bytes.h"
#include "base/result.h"
#include "crypto/crypto.h"

struct evp_md_ctx_st;

namespace bpfgate::crypto {

// One hash, fed piece by piece: create(), update() as often as there is something, finish() once. Move-only. OpenSSL
// fails here only when memory runs out or a provider is missing; that is ErrorKind::Failed.
class Hasher {
 public:
  static Result<Hasher> create(HashAlgorithm algorithm);

  Result<> update(ByteView bytes);
  // The digest: 32, 48 or 64 bytes, in the order that sha256sum and its kin print them in.
  Result<Bytes> finish();

 private:
  struct Deleter {
    void operator()(evp_md_ctx_st* context) const;
  };
  using Context = std::unique_ptr<evp_md_ctx_st, Deleter>;
  explicit Hasher(Context context) : context_(std::move(context)) {}

  Context context_;
};

}  // namespace bpfgate::crypto
