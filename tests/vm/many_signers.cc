// SPDX-License-Identifier: MIT
// many-signers DIRECTORY COUNT: makes that many signers there, s0.pem and so on, each with a key of its own; of the
// first and the last the keys, too. openssl(1) would take a quarter of an hour for a thousand in emulation.
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

namespace {

struct Close {
  void operator()(FILE* file) const { std::fclose(file); }
};

[[noreturn]] void give_up(const std::string& what) {
  std::fprintf(stderr, "many-signers: %s\n", what.c_str());
  std::exit(2);
}

std::unique_ptr<FILE, Close> create(const std::string& path) {
  std::unique_ptr<FILE, Close> file(std::fopen(path.c_str(), "we"));
  if (!file) give_up(path);
  return file;
}

void add_extension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  if (extension == nullptr || X509_add_ext(certificate, extension, -1) != 1) give_up("extension");
  X509_EXTENSION_free(extension);
}

// All of one name, as those of one organisation may be; by serial number and key they differ.
X509* make_certificate(EVP_PKEY* key, long serial) {
  X509* certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 30 * 24 * 3600L);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("one of many"), -1, -1,
                             0);
  X509_set_issuer_name(certificate, name);
  add_extension(certificate, NID_subject_key_identifier, "hash");
  add_extension(certificate, NID_authority_key_identifier, "keyid:always");
  if (X509_sign(certificate, key, EVP_sha256()) == 0) give_up("sign");
  return certificate;
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 3) give_up("usage: many-signers DIRECTORY COUNT");
  const long total = std::atol(arguments[2]);
  for (long i = 0; i < total; ++i) {
    const std::string base = std::string(arguments[1]) + "/s" + std::to_string(i);
    EVP_PKEY* key = EVP_EC_gen("P-256");
    if (key == nullptr) give_up("key");
    X509* certificate = make_certificate(key, i + 1);
    if (PEM_write_X509(create(base + ".pem").get(), certificate) != 1) give_up(base);
    if ((i == 0 || i == total - 1) &&
        PEM_write_PrivateKey(create(base + ".key").get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
      give_up(base);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
}
