// SPDX-License-Identifier: MIT
#include "gate/seal.h"

#include <cstring>

#include "crypto/crypto.h"

namespace bpfgate::gate {
namespace {

std::string name_of(const gate_authority& authority) {
  return {authority.name, ::strnlen(authority.name, sizeof(authority.name))};
}

// The certificate comes from the kernel, not from the manifest that wants to be accepted.
Result<bool> has_signed(const gate_authority& authority, ByteView message, ByteView signature) {
  if (authority.length > sizeof(authority.certificate))
    return fail(ErrorKind::Failed, "the gate's certificate of signer " + name_of(authority) + " is corrupt");
  ByteView der(authority.certificate, authority.length);
  TRY_ASSIGN(crypto::Certificate certificate, crypto::Certificate::parse(der, "signer " + name_of(authority)));
  return crypto::check_detached(signature, message, certificate) == crypto::SignatureCheck::Valid;
}

Result<> check_signature(const manifest::Manifest& manifest, ByteView signature,
                         const std::vector<gate_authority>& authorities) {
  std::string text = manifest::canonical_text(manifest);
  for (const gate_authority& authority : authorities) {
    TRY_ASSIGN(bool valid, has_signed(authority, as_bytes(text), signature));
    if (valid) return {};
  }
  return fail(ErrorKind::Refused, "the gate is sealed, and no signer of manifests that it knows has signed this one",
              "Sign it, with its certificates as they are now: bpfgate manifest sign --key KEY --cert CERT FILE");
}

}  // namespace

Result<> check_authorized(const manifest::Manifest& manifest, ByteView signature, const gate_policy& current,
                          const std::vector<gate_authority>& authorities) {
  if (signature.empty())
    return fail(ErrorKind::Refused, "the gate is sealed: only a signed manifest changes it",
                "Put the signature beside the manifest, as FILE.p7s: bpfgate manifest sign --key KEY --cert CERT FILE");
  std::string name(current.name, ::strnlen(current.name, sizeof(current.name)));
  if (manifest.name != name)
    return fail(ErrorKind::Refused,
                "/name: this is the policy \"" + manifest.name + "\", and the gate has \"" + name + "\"",
                "Hosts with different policies take no orders meant for each other: sign one of this name.");
  if (manifest.sequence <= current.sequence)
    return fail(ErrorKind::Refused,
                "/sequence: " + std::to_string(manifest.sequence) + " is not higher than " +
                    std::to_string(current.sequence) + ", which is in force",
                "Give the manifest a higher sequence number and sign it again.");
  return check_signature(manifest, signature, authorities);
}

}  // namespace bpfgate::gate
