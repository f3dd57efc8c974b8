// SPDX-License-Identifier: MIT
#include "keyring/failure.h"

#include <algorithm>
#include <array>
#include <span>
#include <string>

namespace bpfgate::keyring {
namespace {

struct Meaning {
  int code;
  ErrorKind kind;
  const char* reason;
  const char* remedy;
};

constexpr std::array general = {
    Meaning{
        EDQUOT, ErrorKind::Failed, "the key quota of this user is used up",
        "raise /proc/sys/kernel/keys/root_maxbytes and root_maxkeys (maxbytes and maxkeys for users other than root), "
        "or remove keyrings that are left over (keyctl show @u)"},
    Meaning{EACCES, ErrorKind::Failed, "the key's permissions do not allow it",
            "a protected keyring cannot be changed; remove it and make a new one"},
    Meaning{EPERM, ErrorKind::Failed, "not permitted", "run as root; a name that starts with a dot is the kernel's"},
    Meaning{ENOKEY, ErrorKind::Failed, "there is no such key", ""},
    Meaning{EKEYREVOKED, ErrorKind::Failed, "the key has been revoked", "make a new keyring"},
    Meaning{EKEYEXPIRED, ErrorKind::Failed, "the key has expired", "make a new keyring"},
    Meaning{ENOSYS, ErrorKind::Unsupported, "this kernel has no key management", "use a kernel with CONFIG_KEYS"},
    Meaning{EOPNOTSUPP, ErrorKind::Unsupported, "this kernel cannot move keys",
            "bpfgate needs KEYCTL_MOVE, which Linux has since 5.3"},
};

// Linux crypto/asymmetric_keys/: x509_public_key.c, x509_cert_parser.c, asymmetric_type.c.
constexpr std::array about_certificates = {
    Meaning{EBADMSG, ErrorKind::Key, "the kernel cannot parse it as an X.509 certificate",
            "it must be one certificate in DER; look at it with: openssl x509 -inform DER -text"},
    Meaning{EINVAL, ErrorKind::Key, "the kernel does not accept it",
            "it must be one X.509 v3 certificate in DER with a valid key and validity dates"},
    Meaning{ENOPKG, ErrorKind::Key, "the kernel does not know the certificate's key or signature algorithm",
            "use RSA, or ECDSA on P-256, P-384 or P-521, with SHA-256 or better"},
    // Known to the parser, but crypto_alloc_akcipher() or crypto_alloc_sig() found no implementation.
    Meaning{ENOENT, ErrorKind::Key, "the kernel has no implementation of the certificate's key algorithm",
            "load the kernel's module for it (modprobe ecdsa_generic), or use RSA"},
    Meaning{EKEYREJECTED, ErrorKind::Key,
            "the kernel refuses it: it is on the kernel's revocation list, or the "
            "signature in a self-signed certificate is wrong",
            "make a new certificate"},
    Meaning{ENOKEY, ErrorKind::Key, "the keyring takes only certificates signed by a key it trusts",
            "use a keyring without restriction"},
    Meaning{ENODEV, ErrorKind::Unsupported, "this kernel has no asymmetric keys",
            "use a kernel with CONFIG_ASYMMETRIC_KEY_TYPE and CONFIG_X509_CERTIFICATE_PARSER"},
};

const Meaning* meaning_of(int code, std::span<const Meaning> table) {
  auto found = std::find_if(table.begin(), table.end(), [code](const Meaning& row) { return row.code == code; });
  return found == table.end() ? nullptr : &*found;
}

Failure failure_of(std::string_view what, int code, const Meaning* meaning) {
  if (meaning == nullptr) return fail_errno(what, code);
  return Failure(Error{meaning->kind, std::string(what) + ": " + meaning->reason, meaning->remedy, code});
}

}  // namespace

Failure key_failure(std::string_view what, int code) { return failure_of(what, code, meaning_of(code, general)); }

Failure certificate_failure(std::string_view what, int code) {
  const Meaning* meaning = meaning_of(code, about_certificates);
  return meaning != nullptr ? failure_of(what, code, meaning) : key_failure(what, code);
}

}  // namespace bpfgate::keyring
