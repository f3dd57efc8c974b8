// SPDX-License-Identifier: MIT
#include "cli/sidecars.h"

#include <map>

#include "evidence/evidence.h"
#include "sign/sign.h"

namespace bpfgate::cli {
namespace {

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code ignored;  // what cannot be opened is reported when it is signed
  return a == b || std::filesystem::equivalent(a, b, ignored);
}

Result<> check_valid(const sign::Sidecar& sidecar, const std::string& name, const fsverity::Digest& digest,
                     const crypto::Certificate& certificate) {
  const Bytes message = evidence::signed_message(digest);
  switch (crypto::check_detached(sidecar.signature, message, certificate)) {
    case crypto::SignatureCheck::Valid:
      return {};
    case crypto::SignatureCheck::NotMine:
      return fail(ErrorKind::Refused, name + " is not a signature by " + certificate.subject());
    case crypto::SignatureCheck::Mismatch:
      return fail(
          ErrorKind::Refused,
          name + " is by " + certificate.subject() + ", but not a signature of this file (" + to_string(digest) + ")",
          "sign the file anew, with the --hash-alg, --block-size and --salt that it is sealed with");
    case crypto::SignatureCheck::Malformed:
      break;
  }
  return fail(ErrorKind::Invalid, name + ": not a signature that the kernel would read");
}

}  // namespace

Result<> check_sidecars_differ(const std::vector<std::string>& files, const SidecarRule& rule) {
  std::map<std::filesystem::path, std::string> owners;
  for (const std::string& file : files) {
    auto [owner, is_new] = owners.try_emplace(rule.sidecar(file), file);
    if (!is_new && !rule.is_same_file(owner->second, file))
      return fail(ErrorKind::Usage, owner->second + " and " + file + " would share " + owner->first.string(),
                  rule.remedy);
  }
  return {};
}

Result<> prepare_sidecars(const std::vector<std::string>& files, const std::filesystem::path& directory) {
  if (directory.empty()) return {};
  TRY(check_sidecars_differ(files, {[&](const std::string& file) { return sign::sidecar_of(file, directory); },
                                    is_same_file, "sign them one by one, with a directory for each"}));
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(ErrorKind::Failed, directory.string() + ": " + error.message());
  return {};
}

std::filesystem::path sidecar_for(const std::string& path, const std::filesystem::path& directory) {
  const std::filesystem::path inside = std::filesystem::path(path).relative_path().lexically_normal();
  std::filesystem::path in_tree = sign::sidecar_of(directory / inside);
  std::error_code ignored;
  return std::filesystem::exists(in_tree, ignored) ? in_tree : sign::sidecar_of(inside, directory);
}

Result<Bytes> take_sidecar(const std::filesystem::path& sidecar, const fsverity::Digest& digest,
                           const crypto::Certificate* certificate) {
  TRY_ASSIGN(sign::Sidecar content, sign::read_sidecar(sidecar));
  if (content.kind != evidence::DigestKind::FsVerity)
    return fail(ErrorKind::Refused, sidecar.string() + " is of an IMA digest, which does not count on a sealed file",
                "sign it with --digest fsverity");
  if (certificate != nullptr) TRY(check_valid(content, sidecar.string(), digest, *certificate));
  return std::move(content.signature);
}

}  // namespace bpfgate::cli
