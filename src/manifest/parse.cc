// SPDX-License-Identifier: MIT
// The schema: from the JSON tree to a Manifest. Grants come first, because signers and digests refer to them.
#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <span>

#include "manifest/document.h"
#include "manifest/keys.h"
#include "manifest/manifest.h"
#include "manifest/parse_digest.h"
#include "manifest/parse_grant.h"
#include "manifest/parse_revoked.h"
#include "manifest/parse_tree.h"
#include "manifest/place.h"
#include "manifest/text.h"

namespace bpfgate::manifest {
namespace {

// The version of the format, not of the policy.
constexpr uint64_t kFormat = 1;
// In the order of enum Mode and enum Role. A listed digest is a file's, and files have the first two roles.
constexpr std::array<std::string_view, 3> mode_words = {"audit", "enforce", "off"};
constexpr std::array<std::string_view, 4> role_words = {"loader", "library", "manifest", "program"};
constexpr auto file_role_words = std::span(role_words).first<2>();

// Everything about one manifest while it is read.
class Parser {
 public:
  explicit Parser(const CertificateReader& read) : read_(read) {}

  Result<Manifest> run(const Place& root) {
    TRY(root.check_object(keys::manifest));
    TRY(read_header(root));
    TRY(read_evidence(root));
    TRY(read_extension(root));
    TRY(read_grants(root));
    TRY(read_list(root, "signers", kMaxSigners, &Parser::read_signer));
    TRY(read_list(root, "digests", kMaxDigests, &Parser::read_digest));
    TRY(read_list(root, "volumes", kMaxVolumes, &Parser::read_volume));
    TRY(read_revoked(root));
    TRY(read_default(root));
    TRY(check_program_signers(root));
    return std::move(manifest_);
  }

 private:
  Result<> read_header(const Place& root) {
    TRY_ASSIGN(Place format, root.member("bpfgate"));
    auto version = format.integer(kFormat, kFormat);
    if (!version)
      return fail(ErrorKind::Invalid, version.error().message, "a newer format needs a newer version of bpfgate");
    TRY_ASSIGN(Place name, root.member("name"));
    TRY_ASSIGN(manifest_.name, name.name());
    TRY_ASSIGN(Place sequence, root.member("sequence"));
    TRY_ASSIGN(manifest_.sequence, sequence.integer(1, kMaxSequence));
    TRY_ASSIGN(Place mode, root.member("mode"));
    TRY_ASSIGN(size_t word, mode.word("mode", mode_words));
    manifest_.mode = static_cast<Mode>(word);
    return {};
  }

  Result<> read_evidence(const Place& root) {
    auto place = root.optional_member("evidence");
    if (!place) return {};
    TRY(place->check_object(keys::evidence));
    if (auto ima = place->optional_member("ima")) {
      TRY_ASSIGN(manifest_.evidence.ima, ima->boolean());
    }
    if (auto signed_volumes = place->optional_member("signed_volumes")) {
      TRY_ASSIGN(manifest_.evidence.signed_volumes, signed_volumes->boolean());
    }
    return {};
  }

  // The file is read where the gate is loaded, and nowhere else.
  Result<> read_extension(const Place& root) {
    auto place = root.optional_member("extension");
    if (!place) return {};
    TRY(place->check_object(keys::extension));
    Extension extension;
    TRY_ASSIGN(Place path, place->member("path"));
    TRY_ASSIGN(std::string text, path.text(kMaxPathBytes));
    TRY_ASSIGN(std::filesystem::path directory, path.directory());
    extension.path = (directory / text).lexically_normal().string();
    TRY_ASSIGN(Place digest, place->member("digest"));
    TRY_ASSIGN(extension.digest, parse_file_digest(digest));
    manifest_.extension = std::move(extension);
    return {};
  }

  // Of the whole file, which is not what fs-verity's is of. Zero stands for none.
  static Result<Bytes> parse_file_digest(const Place& place) {
    constexpr const char* form = "write it as sha256sum prints it, after the name of the hash: sha256:HEX";
    TRY_ASSIGN(Bytes digest, parse_sha256(place, "digest of a file", form));
    if (digest == Bytes(digest.size())) return place.fail("is no SHA-256 digest of a file", form);
    return digest;
  }

  Result<> read_grants(const Place& root) {
    for (const Grant& grant : {grant_none(), grant_inspect(), grant_signed_programs(), grant_full(), grant_admin()})
      manifest_.grants[grant.name] = grant;
    auto place = root.optional_member("grants");
    if (!place) return {};
    TRY_ASSIGN(auto members, place->members(kMaxGrants - manifest_.grants.size()));
    for (const auto& [name, member] : members) {
      TRY_ASSIGN(manifest_.grants[name], parse_grant(name, member));
    }
    return {};
  }

  Result<> read_list(const Place& root, std::string_view key, size_t limit,
                     Result<> (Parser::*read_one)(const Place&)) {
    auto place = root.optional_member(key);
    if (!place) return {};
    TRY_ASSIGN(size_t count, place->array_size(limit));
    for (size_t i = 0; i < count; ++i) TRY((this->*read_one)(place->element(i)));
    return {};
  }

  Result<> read_signer(const Place& place) {
    TRY(place.check_object(keys::signer));
    Signer signer;
    TRY_ASSIGN(Place name, place.member("name"));
    TRY_ASSIGN(signer.name, name.name());
    if (!signer_names_.emplace(signer.name, place.pointer()).second)
      return name.fail("a signer named " + in_quotes(signer.name) + " is already at " + signer_names_[signer.name],
                       "give each signer a name of its own");
    TRY_ASSIGN(Place role, place.member("role"));
    TRY_ASSIGN(signer.role, read_role(role, role_words));
    TRY_ASSIGN(signer.grants, read_grants_of(place, signer.role, "signer"));
    TRY(read_certificate(place, signer));
    manifest_.signers.push_back(std::move(signer));
    return {};
  }

  // Grants were read before there were signers.
  Result<> check_program_signers(const Place& root) {
    std::vector<std::string_view> known;
    for (const Signer& signer : manifest_.signers)
      if (signer.role == Role::Program) known.emplace_back(signer.name);
    for (const auto& [name, grant] : manifest_.grants) {
      if (is_built_in(name) || !grant.signed_by) continue;
      TRY_ASSIGN(Place grants, root.member("grants"));
      TRY_ASSIGN(Place place, grants.member(name));
      TRY(check_signed_by(place, known));
    }
    return {};
  }

  static Result<Role> read_role(const Place& place, std::span<const std::string_view> words) {
    TRY_ASSIGN(size_t word, place.word("role", words));
    return static_cast<Role>(word);
  }

  // A library only lets code into a loader; what the process may then do is the loader's grant. A manifest's signer
  // signs no code at all.
  Result<std::vector<std::string>> read_grants_of(const Place& place, Role role, const std::string& what) {
    auto grant = place.optional_member("grant");
    if (role != Role::Loader) {
      if (grant)
        return grant->fail("a " + std::string(name_of(role)) + " " + what + " has no grant",
                           "remove it, or make the role \"loader\"");
      return std::vector<std::string>();
    }
    TRY_ASSIGN(Place required, place.member("grant"));
    return read_grant_names(required);
  }

  // One name, or a list of them. Sorted, because their order means nothing.
  Result<std::vector<std::string>> read_grant_names(const Place& place) {
    if (place.is_string()) {
      TRY_ASSIGN(std::string name, read_grant_name(place));
      return std::vector<std::string>{name};
    }
    TRY_ASSIGN(size_t count, place.array_size(kMaxGrantsOfOne));
    if (count == 0) return place.fail("the list is empty", "name a grant; \"none\" allows nothing");
    std::set<std::string> names;
    for (size_t i = 0; i < count; ++i) {
      TRY_ASSIGN(std::string name, read_grant_name(place.element(i)));
      if (!names.insert(name).second)
        return place.element(i).fail("the grant " + in_quotes(name) + " is listed twice", "remove one");
    }
    return std::vector<std::string>(names.begin(), names.end());
  }

  Result<std::string> read_grant_name(const Place& place) {
    std::vector<std::string_view> known;
    known.reserve(manifest_.grants.size());
    for (const auto& [name, grant] : manifest_.grants) known.emplace_back(name);
    TRY_ASSIGN(size_t index, place.word("grant", known));
    return std::string(known[index]);
  }

  Result<> read_certificate(const Place& signer_place, Signer& signer) {
    TRY_ASSIGN(Place place, signer_place.member("certificate"));
    TRY_ASSIGN(std::string text, place.text(kMaxPathBytes));
    TRY_ASSIGN(std::filesystem::path directory, place.directory());
    signer.certificate_path = (directory / text).lexically_normal().string();
    auto content = read_(signer.certificate_path);
    if (!content) return unreadable(place, std::move(content).error());
    if (content->empty()) return place.fail(in_quotes(text) + " is empty", "name a certificate in PEM or DER");
    if (content->size() > kMaxCertificateBytes)
      return place.fail(in_quotes(text) + " is larger than " + std::to_string(kMaxCertificateBytes) + " bytes",
                        "name a file with one certificate in PEM or DER");
    auto [known, is_new] = certificates_.emplace(*content, signer_place.pointer());
    if (!is_new)
      return place.fail("the same certificate is already at " + known->second,
                        "one certificate stands for one role and one grant; list it once");
    signer.certificate = *std::move(content);
    return {};
  }

  static Failure unreadable(const Place& place, Error error) {
    if (error.remedy.empty())
      error.remedy = "certificate paths are relative to the directory of the file that names them";
    return Failure(std::move(error).within(place.location()));
  }

  Result<> read_digest(const Place& place) {
    TRY(place.check_object(keys::digest));
    TRY_ASSIGN(ParsedDigest parsed, parse_digest(place));
    if (parsed.kind == DigestKind::Volume)
      return place.member("kind")->fail("a volume is no file", "list it under \"volumes\"");
    if (parsed.kind == DigestKind::Ima && !manifest_.evidence.ima)
      return place.member("kind")->fail("IMA digests do not count here",
                                        "add \"evidence\": {\"ima\": true} to the manifest, and see what it costs");
    auto [known, is_new] = digests_.emplace(parsed, place.pointer());
    if (!is_new) return place.member("digest")->fail("the same digest is already at " + known->second, "list it once");
    ListedDigest listed;
    listed.kind = parsed.kind;
    listed.algorithm = parsed.algorithm;
    listed.digest = std::move(parsed.digest);
    if (auto role = place.optional_member("role")) {
      TRY_ASSIGN(listed.role, read_role(*role, file_role_words));
    }
    TRY_ASSIGN(listed.grants, read_grants_of(place, listed.role, "digest"));
    if (auto note = place.optional_member("note")) {
      TRY_ASSIGN(listed.note, note->text(kMaxNoteBytes));
    }
    manifest_.digests.push_back(std::move(listed));
    return {};
  }

  Result<> read_revoked(const Place& root) {
    auto place = root.optional_member("revoked");
    if (!place) return {};
    TRY_ASSIGN(manifest_.revoked, parse_revoked(*place));
    return {};
  }

  Result<> read_volume(const Place& place) {
    TRY(place.check_object(keys::volume));
    Volume volume;
    TRY_ASSIGN(Place name, place.member("name"));
    TRY_ASSIGN(volume.name, name.name());
    if (auto [known, is_new] = volume_names_.emplace(volume.name, place.pointer()); !is_new)
      return name.fail("a volume named " + in_quotes(volume.name) + " is already at " + known->second,
                       "give each volume a name of its own");
    TRY_ASSIGN(Place hash, place.member("root_hash"));
    TRY(parse_root_hash(hash, volume));
    if (auto [known, is_new] = root_hashes_.emplace(std::pair(volume.algorithm, volume.root_hash), place.pointer());
        !is_new)
      return hash.fail("the same root hash is already at " + known->second, "list it once");
    TRY(read_volume_loaders(place, volume));
    manifest_.volumes.push_back(std::move(volume));
    return {};
  }

  static Result<> parse_root_hash(const Place& place, Volume& volume) {
    TRY_ASSIGN(ParsedDigest hash, parse_root_hash_text(place));
    volume.algorithm = hash.algorithm;
    volume.root_hash = std::move(hash.digest);
    return {};
  }

  Result<> read_volume_loaders(const Place& volume_place, Volume& volume) {
    auto place = volume_place.optional_member("loaders");
    if (!place) return {};
    TRY_ASSIGN(size_t count, place->array_size(kMaxVolumeLoaders - volume_loaders_));
    volume_loaders_ += count;
    std::map<uint64_t, std::string> inodes;
    for (size_t i = 0; i < count; ++i) {
      Place element = place->element(i);
      TRY_ASSIGN(VolumeLoader loader, read_volume_loader(element));
      auto [known, is_new] = inodes.emplace(loader.inode, element.pointer());
      if (!is_new)
        return element.fail("the same inode is already at " + known->second,
                            "list it once; names that are links to one file have one inode");
      volume.loaders.push_back(std::move(loader));
    }
    return {};
  }

  Result<VolumeLoader> read_volume_loader(const Place& place) {
    TRY(place.check_object(keys::volume_loader));
    VolumeLoader loader;
    TRY_ASSIGN(Place path, place.member("path"));
    TRY_ASSIGN(loader.path, path.text(kMaxPathBytes));
    if (!loader.path.starts_with('/'))
      return path.fail(in_quotes(loader.path) + " is no path on the volume", "begin it with /, the volume's root");
    TRY_ASSIGN(Place inode, place.member("inode"));
    TRY_ASSIGN(loader.inode, inode.integer(1, kMaxSequence));
    TRY_ASSIGN(Place grant, place.member("grant"));
    TRY_ASSIGN(loader.grants, read_grant_names(grant));
    return loader;
  }

  Result<> read_default(const Place& root) {
    auto place = root.optional_member("default");
    if (!place) return {};
    TRY(place->check_object(keys::default_rule));
    TRY_ASSIGN(Place grant, place->member("grant"));
    TRY_ASSIGN(manifest_.default_grants, read_grant_names(grant));
    if (std::ranges::find(manifest_.default_grants, "admin") != manifest_.default_grants.end())
      return grant.fail("the default grant cannot be \"admin\": every process could disarm the gate",
                        "give that grant to the signer of bpfgate, or list bpfgate's digest with it");
    return {};
  }

  const CertificateReader& read_;
  Manifest manifest_;
  // What was seen, and where.
  std::map<std::string, std::string> signer_names_;
  std::map<Bytes, std::string> certificates_;
  std::map<ParsedDigest, std::string> digests_;
  std::map<std::string, std::string> volume_names_;
  std::map<std::pair<uint16_t, Bytes>, std::string> root_hashes_;
  size_t volume_loaders_ = 0;
};

}  // namespace

std::string_view name_of(Mode mode) { return mode_words.at(static_cast<size_t>(mode)); }
std::string root_hash_text(uint16_t algorithm, const Bytes& root_hash) {
  return std::string(digest_prefix(DigestKind::Volume, algorithm)) + to_hex(root_hash);
}
std::string root_hash_text(const Volume& volume) { return root_hash_text(volume.algorithm, volume.root_hash); }
std::string_view name_of(Role role) { return role_words.at(static_cast<size_t>(role)); }

Result<Manifest> parse_tree(const Place& root, const CertificateReader& read_certificate) {
  return Parser(read_certificate).run(root);
}

Result<Manifest> parse(std::string_view text, const std::filesystem::path& path,
                       const CertificateReader& read_certificate) {
  std::string file = path.string();
  TRY_ASSIGN(nlohmann::json tree, parse_document(text, file));
  return parse_tree(Place(file, tree), read_certificate);
}

}  // namespace bpfgate::manifest
