// SPDX-License-Identifier: MIT
#include "rpm/sign.h"

#include "evidence/evidence.h"

namespace bpfgate::rpm {
namespace {

using Signatures = std::vector<std::optional<Bytes>>;

Signatures carried_by(const Package& package) {
  Signatures carried;
  for (const File& file : package.files()) carried.push_back(file.signature);
  return carried;
}

// An entry of another algorithm would be read as one of this.
Result<> check_algorithm(const std::filesystem::path& path, const Package& package, const Request& request) {
  if (!package.algorithm() || *package.algorithm() == request.algorithm) return {};
  return fail(ErrorKind::Invalid,
              path.string() + ": carries signatures of " + std::string(name_of(*package.algorithm())) +
                  " digests, and rpm has one algorithm for all files of a package",
              "use that one, or take them away with --replace");
}

Result<Bytes> sign_digest(const fsverity::Digest& digest, const crypto::Signer& signer) {
  return signer.sign_detached(evidence::signed_message(digest), evidence::signature_hash(digest));
}

}  // namespace

Result<std::vector<SignedFile>> sign_package(const std::filesystem::path& path, const crypto::Signer& signer,
                                             const Request& request) {
  TRY_ASSIGN(Package package, Package::open(path, request.replace ? Carried::Ignored : Carried::Read));
  TRY(check_algorithm(path, package, request));
  Signatures signatures = carried_by(package);
  std::vector<SignedFile> done;
  auto sign = [&](size_t index, int fd) -> Result<> {
    const File& file = package.files()[index];
    TRY_ASSIGN(bool is_chosen, request.choice.is(file, fd));
    if (!is_chosen) return {};
    TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd, fsverity::Parameters{request.algorithm, 4096, {}}));
    TRY_ASSIGN(signatures[index], sign_digest(digest, signer));
    done.push_back({file.names, std::move(digest)});
    return {};
  };
  TRY(package.unpack(request.choice.may_be, sign));
  if (!done.empty() || request.replace) TRY(package.write_signatures(signatures, request.algorithm));
  return done;
}

}  // namespace bpfgate::rpm
