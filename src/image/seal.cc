// SPDX-License-Identifier: MIT
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "evidence/evidence.h"
#include "image/copy.h"
#include "image/image.h"
#include "image/limits.h"
#include "image/metadata.h"

namespace bpfgate::image {
namespace {

struct Target {
  std::string path;
  InodeNumber number = 0;
};

Result<> check_not_mounted(const std::filesystem::path& image) {
  TRY_ASSIGN(const Library* library, image::library());
  int flags = 0;
  // What cannot be found out, such as a loop device that is root's, is no reason to stop: a file system that is mounted
  // for writing says so itself.
  if (library->ext2fs_check_if_mounted(image.c_str(), &flags) != 0 || (flags & EXT2_MF_MOUNTED) == 0) return {};
  return fail(ErrorKind::Failed, "is mounted", "unmount it");
}

Result<Target> look_up(const FileSystem& file_system, const std::string& path) {
  TRY_ASSIGN(const InodeNumber number, file_system.find(path));
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(number));
  TRY(check_file(file_system, inode));
  return Target{path, number};
}

// A copy of the file in memory, for those who can only look at open files.
Result<UniqueFd> copy_of(const FileSystem& file_system, InodeNumber number) {
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(number));
  TRY_ASSIGN(fsverity::ContentReader read, file_system.open_content(number));
  UniqueFd fd(::memfd_create("bpfgate-image", MFD_CLOEXEC));
  if (!fd) return fail_errno("memfd_create");
  Bytes piece(65536);
  for (uint64_t left = size_of(inode); left > 0;) {
    std::span<uint8_t> part(piece.data(), static_cast<size_t>(std::min<uint64_t>(left, piece.size())));
    TRY(read(part));
    if (::write(fd.get(), part.data(), part.size()) != static_cast<ssize_t>(part.size()))
      return fail_errno("copy the file to memory");
    left -= part.size();
  }
  return fd;
}

// Other parameters, another digest: they are part of what the digest is made of.
Result<> check_same(const Seal& seal, const fsverity::Parameters& wanted) {
  if (seal.parameters == wanted) return {};
  std::string how = std::string(name_of(seal.parameters.algorithm)) + ", blocks of " +
                    std::to_string(seal.parameters.block_size) + " bytes, ";
  how += seal.parameters.salt.empty() ? "no salt" : "salt " + to_hex(seal.parameters.salt);
  return fail(ErrorKind::Failed, "sealed already as " + to_string(seal.digest) + ", with other options: " + how,
              "a seal is for good: use these options, or make the image anew");
}

Result<Sealed> seal_file(FileSystem& file_system, const Target& target, const fsverity::Parameters& parameters) {
  TRY_ASSIGN(const ext2_inode inode, file_system.inode(target.number));
  Sealed sealed{target.path, fsverity::SealOutcome::Sealed, {}};
  if (!is_sealed(inode)) {
    TRY_ASSIGN(sealed.digest, write_seal(file_system, target.number, parameters));
    return sealed;
  }
  sealed.outcome = fsverity::SealOutcome::AlreadySealed;
  TRY_ASSIGN(Seal seal, check_seal(file_system, target.number));
  TRY(check_same(seal, parameters));
  // mkfs.ext4 -d copies seals since 1.47.3, and leaves the feature out.
  file_system.switch_on_verity();
  sealed.digest = std::move(seal.digest);
  return sealed;
}

Result<> sign_file(FileSystem& file_system, const Target& target, const Signing& sign, Sealed& sealed) {
  if (!sign) return {};
  const Candidate candidate{target.path, sealed.digest, [&] { return copy_of(file_system, target.number); }};
  TRY_ASSIGN(std::optional<Bytes> signature, sign(candidate));
  if (!signature) return {};
  if (signature->size() > evidence::max_signature_size)
    return fail(ErrorKind::Invalid, "its signature is larger than the " + std::to_string(evidence::max_signature_size) +
                                        " bytes that the gate reads");
  sealed.is_signed = true;
  TRY_ASSIGN(std::optional<Bytes> old, file_system.xattr(target.number, evidence::signature_xattr));
  if (old == signature) return {};
  return file_system.set_xattr(target.number, evidence::signature_xattr, *signature);
}

class Run {
 public:
  Run(const std::filesystem::path& image, const Request& request)
      : image_(image), output_(request.output.empty() ? image : request.output), request_(request) {}

  // What can be refused without writing is refused before anything is copied.
  Result<Outcome> run() {
    TRY(check_not_mounted(image_));
    TRY_ASSIGN(const LockedImage locked, LockedImage::open(image_, lock()));
    TRY_ASSIGN(Copy copy, Copy::beside(output_));
    TRY(examine(locked.path()));
    if (is_refused()) return refused();
    TRY(copy.fill(locked));
    TRY(work_on(copy.path()));
    if (is_refused()) return refused();
    TRY(check_result(copy.path()));
    if (is_refused()) return refused();
    TRY(locked.check_unchanged());
    TRY(copy.put_in_place());
    return std::move(outcome_);
  }

 private:
  [[nodiscard]] Lock lock() const {
    std::error_code ignored;  // there may be no output yet
    return std::filesystem::equivalent(image_, output_, ignored) ? Lock::Exclusive : Lock::Shared;
  }
  [[nodiscard]] bool is_refused() const { return !outcome_.refused.empty(); }

  Result<> examine(const std::filesystem::path& image) {
    TRY_ASSIGN(FileSystem file_system, FileSystem::open(image, Access::Read, request_.offset));
    TRY(check_image(file_system, request_.parameters));
    TRY(file_system.read_bitmaps());
    TRY(check_block_use(file_system));
    look_up_all(file_system);
    return {};
  }

  void look_up_all(const FileSystem& file_system) {
    for (const std::string& path : request_.paths) {
      Result<Target> target = look_up(file_system, path);
      if (target)
        targets_.push_back(std::move(*target));
      else
        refuse(path, std::move(target).error());
    }
  }

  // After a refusal the others are tried all the same, so that one run names all of them; what was done is not written.
  // When the file system is full it would name them for nothing.
  Result<> work_on(const std::filesystem::path& copy) {
    TRY_ASSIGN(FileSystem file_system, FileSystem::open(copy, Access::Write, request_.offset));
    for (const Target& target : targets_) {
      Result<Sealed> sealed = seal_and_sign(file_system, target);
      if (sealed) {
        outcome_.sealed.push_back(std::move(*sealed));
        continue;
      }
      const bool is_full = sealed.error().code == ENOSPC;
      refuse(target.path, std::move(sealed).error());
      if (is_full) break;
    }
    if (is_refused()) return {};
    return file_system.flush();
  }

  Result<Sealed> seal_and_sign(FileSystem& file_system, const Target& target) {
    TRY_ASSIGN(Sealed sealed, seal_file(file_system, target, request_.parameters));
    TRY(sign_file(file_system, target, request_.signature, sealed));
    return sealed;
  }

  // What was written is read again, as whoever mounts it will.
  Result<> check_result(const std::filesystem::path& copy) {
    TRY_ASSIGN(const FileSystem file_system, FileSystem::open(copy, Access::Read, request_.offset));
    for (size_t i = 0; i < targets_.size(); ++i) {
      Result<Seal> seal = check_seal(file_system, targets_[i].number);
      if (!seal)
        refuse(targets_[i].path, std::move(seal).error());
      else if (seal->digest != outcome_.sealed[i].digest)
        refuse(targets_[i].path, {ErrorKind::Failed, "its seal was not written as it was made", {}, 0});
    }
    return {};
  }

  void refuse(const std::string& path, Error error) {
    outcome_.refused.push_back({path, std::move(error).within(path).within(image_.string())});
  }

  Outcome refused() {
    outcome_.sealed.clear();
    return std::move(outcome_);
  }

  const std::filesystem::path& image_;
  const std::filesystem::path output_;
  const Request& request_;
  std::vector<Target> targets_;
  Outcome outcome_;
};

}  // namespace

Result<Outcome> seal(const std::filesystem::path& image, const Request& request) {
  TRY(fsverity::check(request.parameters));
  Result<Outcome> outcome = Run(image, request).run();
  if (!outcome) return within_image(std::move(outcome).error(), image);
  return outcome;
}

}  // namespace bpfgate::image
