// SPDX-License-Identifier: MIT
// What the files of this room share: an owner for every OpenSSL object, and its error queue turned into text. Not for
// other rooms.
#pragma once

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pkcs7.h>
#include <openssl/provider.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "crypto/crypto.h"

namespace bpfgate::crypto {

template <auto free_function>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    free_function(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using CmsPtr = std::unique_ptr<CMS_ContentInfo, Freed<CMS_ContentInfo_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, KeyDeleter>;
using LibraryContextPtr = std::unique_ptr<OSSL_LIB_CTX, Freed<OSSL_LIB_CTX_free>>;
using Pkcs7Ptr = std::unique_ptr<PKCS7, Freed<PKCS7_free>>;
using StoreInfoPtr = std::unique_ptr<OSSL_STORE_INFO, Freed<OSSL_STORE_INFO_free>>;
using StorePtr = std::unique_ptr<OSSL_STORE_CTX, Freed<OSSL_STORE_close>>;
using UiMethodPtr = std::unique_ptr<UI_METHOD, Freed<UI_destroy_method>>;
using UiPtr = std::unique_ptr<UI, Freed<UI_free>>;
using X509Ptr = std::unique_ptr<X509, CertificateDeleter>;

// Empties OpenSSL's error queue of this thread and returns its reasons in one line, the innermost first; empty when
// there are none.
std::string drain_errors();

// ErrorKind::Key with `what`, and what OpenSSL says about it.
Failure key_failure(const std::string& what, std::string remedy = {});

// A read-only BIO over `bytes`, which must outlive it; null when out of memory.
BioPtr bio_over(ByteView bytes);

// What has been written to a memory BIO.
Bytes content_of(BIO* bio);

const EVP_MD* digest_of(HashAlgorithm hash);

// Whether a key or certificate lives in a token rather than a file.
inline bool is_token_uri(const std::string& path) { return path.starts_with("pkcs11:"); }

}  // namespace bpfgate::crypto
