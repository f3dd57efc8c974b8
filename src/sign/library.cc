// SPDX-License-Identifier: MIT
#include "sign/library.h"

#include "evidence/evidence.h"

namespace bpfgate::sign {
namespace {

LibraryState state_of(crypto::SignatureCheck check) {
  switch (check) {
    case crypto::SignatureCheck::Valid:
      return LibraryState::Signed;
    case crypto::SignatureCheck::NotMine:
      return LibraryState::OtherSigner;
    case crypto::SignatureCheck::Mismatch:
      return LibraryState::OtherContent;
    case crypto::SignatureCheck::Malformed:
      return LibraryState::Malformed;
  }
  return LibraryState::Malformed;
}

Result<LibraryState> judge(int fd, const crypto::Certificate* certificate, const Basis& basis) {
  TRY_ASSIGN(std::optional<Bytes> signature, evidence::read_signature(fd));
  if (!signature) return LibraryState::Unsigned;
  if (signature->size() > evidence::max_signature_size || !crypto::check_well_formed(*signature))
    return LibraryState::Malformed;
  if (certificate == nullptr) return LibraryState::Signed;
  TRY_ASSIGN(Signed file, digest_to_sign(fd, basis));
  return state_of(crypto::check_detached(*signature, evidence::signed_message(file.digest), *certificate));
}

}  // namespace

std::string_view name_of(LibraryState state) {
  switch (state) {
    case LibraryState::Signed:
      return "signed";
    case LibraryState::Unsigned:
      return "unsigned";
    case LibraryState::OtherSigner:
      return "other-signer";
    case LibraryState::OtherContent:
      return "other-content";
    case LibraryState::Malformed:
      return "malformed";
  }
  return "unknown";
}

Result<LibraryState> library_state(const std::filesystem::path& library, const crypto::Certificate* certificate,
                                   const Basis& basis) {
  TRY_ASSIGN(UniqueFd fd, open_regular(library));
  Result<LibraryState> state = judge(fd.get(), certificate, basis);
  if (!state) return Failure(std::move(state).error().within(library.string()));
  return state;
}

}  // namespace bpfgate::sign
