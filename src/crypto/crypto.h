// SPDX-License-Identifier: MIT
// Keys, certificates and detached PKCS#7, on OpenSSL 3 providers. Nothing here reads files other than keys and
// certificates, and nothing knows what is being signed.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

struct evp_pkey_st;
struct x509_st;

namespace bpfgate::crypto {

struct KeyDeleter {
  void operator()(evp_pkey_st* key) const;
};
struct CertificateDeleter {
  void operator()(x509_st* certificate) const;
};

// An X.509 certificate. Move-only.
class Certificate {
 public:
  // From PEM or DER bytes; `name` is what errors call it.
  static Result<Certificate> parse(ByteView bytes, const std::string& name);
  // From a PEM or DER file, or a pkcs11: URI.
  static Result<Certificate> load(const std::string& path_or_uri);

  [[nodiscard]] Bytes der() const;
  [[nodiscard]] std::string subject() const;                  // RFC 2253, one line
  [[nodiscard]] std::array<uint8_t, 32> fingerprint() const;  // SHA-256 of the DER
  // Why the kernel could not verify signatures of this certificate's key; ErrorKind::Key.
  [[nodiscard]] Result<> check_kernel_can_verify() const;
  // Whether a signature by this certificate can be passed off as one by `other`, so that the two cannot stand for
  // different roles: they have the same key, and the signer's name is not under the signature; or `other` has signed
  // this one, which may then be put beside the signature for the kernel to follow.
  [[nodiscard]] bool can_pass_for(const Certificate& other) const;
  // What the kernel finds a certificate in a keyring by: issuer with serial number, and the subject's key identifier
  // where it has one. Of two in one keyring that share any it finds either, and looks no further.
  [[nodiscard]] std::vector<Bytes> kernel_ids() const;
  [[nodiscard]] x509_st* get() const { return certificate_.get(); }

 private:
  explicit Certificate(x509_st* certificate) : certificate_(certificate) {}
  std::unique_ptr<x509_st, CertificateDeleter> certificate_;
};

// Whom certificates can pass for, among many, without asking about every pair.
class PassIndex {
 public:
  explicit PassIndex(std::span<const Certificate> certificates);
  // The places, ascending, of those that `certificate` may be able to pass for: all of which can_pass_for() says that
  // it can, itself included, and a few others.
  [[nodiscard]] std::vector<size_t> candidates(const Certificate& certificate) const;

 private:
  std::multimap<std::string, size_t> by_key_;
  std::multimap<unsigned long, size_t> by_subject_;
  std::multimap<unsigned long, size_t> by_subject_alone_;  // those without a key identifier
  std::multimap<std::string, size_t> by_key_id_;
};

// Where a PIN or pass phrase comes from. Never a value on the command line.
using PassphraseSource = std::function<Result<std::string>()>;
// From a file (first line), from an open descriptor (first line), or asked for on the terminal when there is one.
PassphraseSource passphrase_from_file(std::filesystem::path path);
PassphraseSource passphrase_from_fd(int fd);
PassphraseSource passphrase_from_terminal(std::string prompt);

enum class HashAlgorithm { Sha256, Sha384, Sha512 };

// A private key together with the certificate that names it. Safe to share between threads: signing takes a lock
// where the key lives in a token.
class Signer {
 public:
  // Loads the key (PEM file, encrypted or not, or pkcs11: URI) and checks, before anything is signed, that the kernel
  // can verify its kind and that the certificate belongs to it. Every failure is ErrorKind::Key with the reason.
  static Result<Signer> create(const std::string& key_path_or_uri, const Certificate& certificate,
                               const PassphraseSource& passphrase);
  Signer(Signer&&) noexcept;
  Signer& operator=(Signer&&) noexcept;
  ~Signer();

  // True where signing the same message twice gives the same bytes (RSA PKCS#1 v1.5; not ECDSA).
  [[nodiscard]] bool is_reproducible() const;

  // DER PKCS#7 SignedData over `message`: detached, no attributes, no certificates. For RSA byte for byte what
  // `fsverity sign` writes.
  [[nodiscard]] Result<Bytes> sign_detached(ByteView message, HashAlgorithm hash) const;

 private:
  struct State;
  explicit Signer(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// What a detached signature is worth against one certificate. NotMine and Mismatch are different findings: the first
// lets a caller try the next certificate, the second does not.
enum class SignatureCheck {
  Valid,      // by this certificate's key, or by a certificate that it has signed and the signature carries
  NotMine,    // signed by somebody else (issuer and serial, or key id, differ)
  Mismatch,   // names this certificate, but is not a signature of this message
  Malformed,  // not a PKCS#7 SignedData the kernel would accept (crypto/asymmetric_keys/pkcs7_parser.c)
};
SignatureCheck check_detached(ByteView signature, ByteView message, const Certificate& certificate);

// What a tool may put on a file: a detached signature that the kernel would read, and not a byte behind it
// (check_detached tolerates those, as the kernel does). ErrorKind::Invalid otherwise.
Result<> check_well_formed(ByteView signature);

// Who signed, as the PKCS#7 says it: issuer and serial in one line. Malformed input is ErrorKind::Invalid.
Result<std::string> describe_signer(ByteView signature);

std::array<uint8_t, 32> sha256(ByteView bytes);

}  // namespace bpfgate::crypto
