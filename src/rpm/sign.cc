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
Result<> check_algorithm(const Package& package, const Request& request) {
  if (!package.algorithm() || *package.algorithm() == request.algorithm) return {};
  return fail(ErrorKind::Invalid,
              "carries signatures of " + std::string(name_of(*package.algorithm())) +
                  " digests, and rpm has one algorithm for all files of a package",
              "use that one, or take them away with --replace");
}

Result<> check_digested(const Package& package, const Request& request) {
  if (package.has_header_digest() || request.allow_undigested) return {};
  return fail(ErrorKind::Refused, "says no SHA-256 of its header, so nothing tells that it is the one that was built",
              "build it with rpm 4.14 or later, or insist with --allow-undigested");
}

struct Work {
  const Package& package;
  const Signing& signing;
  const Request& request;
  Signatures signatures;
  std::vector<SignedFile> done;

  Result<> sign(size_t index, int fd) {
    const File& file = package.files()[index];
    TRY_ASSIGN(bool is_chosen, request.choice.is(file, fd));
    if (!is_chosen) return {};
    TRY_ASSIGN(fsverity::Digest digest, fsverity::compute(fd, fsverity::Parameters{request.algorithm, 4096, {}}));
    TRY_ASSIGN(std::optional<Bytes> signature, signing(file, digest));
    if (!signature) return {};
    signatures[index] = std::move(signature);
    done.push_back({file.names, std::move(digest)});
    return {};
  }
};

}  // namespace

Signing signing_by(const crypto::Signer& signer) {
  return [&signer](const File&, const fsverity::Digest& digest) -> Result<std::optional<Bytes>> {
    TRY_ASSIGN(Bytes signature, evidence::sign(digest, signer));
    return std::optional<Bytes>(std::move(signature));
  };
}

Result<std::vector<SignedFile>> sign_package(const std::filesystem::path& path, const Signing& signing,
                                             const Request& request) {
  TRY_ASSIGN(Package package, Package::open(path, request.replace ? Carried::Ignored : Carried::Read));
  Result<> allowed = check_algorithm(package, request);
  if (allowed) allowed = check_digested(package, request);
  if (!allowed) return Failure(std::move(allowed).error().within(path.string()));
  Work work{package, signing, request, request.replace ? Signatures(package.files().size()) : carried_by(package), {}};
  TRY(package.unpack(request.choice.may_be, [&](size_t index, int fd) { return work.sign(index, fd); }));
  if (!work.done.empty() || request.replace) TRY(package.write_signatures(work.signatures, request.algorithm));
  return std::move(work.done);
}

}  // namespace bpfgate::rpm
