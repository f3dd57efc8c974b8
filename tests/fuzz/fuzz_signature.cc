// SPDX-License-Identifier: MIT
// Any bytes as a signature: the three readings of it agree with one another, and none takes more than the bytes hold.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/crypto.h"
#include "signature_certificates.h"

using namespace bpfgate;
using namespace bpfgate::crypto;

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

Certificate certificate_of(const char* pem) {
  auto certificate = Certificate::parse(as_bytes(pem), "embedded");
  require(certificate.has_value());
  return *std::move(certificate);
}

void check_description(const std::string& text) {
  require(!text.empty());
  for (char letter : text) require(letter >= 0x20 && letter < 0x7f);
}

// The kernel, and so check_detached, overlooks what follows a signature; a tool that puts it on a file must not.
void check_with_a_byte_behind(ByteView signature, const Certificate& certificate, SignatureCheck without) {
  Bytes longer(signature.begin(), signature.end());
  longer.push_back(0);
  require(check_detached(longer, as_bytes(kMessage), certificate) == without);
  require(!check_well_formed(longer).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Certificate certificates[] = {certificate_of(kRsaCertificate), certificate_of(kEcCertificate)};
  ByteView signature(data, size);
  auto signer = describe_signer(signature);
  if (signer) check_description(*signer);
  bool is_well_formed = check_well_formed(signature).has_value();
  for (const Certificate& certificate : certificates) {
    SignatureCheck check = check_detached(signature, as_bytes(kMessage), certificate);
    require((check != SignatureCheck::Malformed) == signer.has_value());
    if (!is_well_formed) continue;
    require(signer.has_value());
    check_with_a_byte_behind(signature, certificate, check);
  }
  return 0;
}
