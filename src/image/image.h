// SPDX-License-Identifier: MIT
// Sealing files inside an ext4 image that is not mounted: without root, without a mount, and on hosts whose kernel has
// no fs-verity. What comes of it is what the kernel would have made.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "fsverity/fsverity.h"

namespace bpfgate::image {

// A file that is about to get a signature.
struct Candidate {
  std::string path;                           // in the image
  fsverity::Digest digest;                    // of its seal
  std::function<Result<UniqueFd>()> content;  // a copy of it, to look at
};

// Answers with the signature; nullopt leaves the file's own alone.
using Signing = std::function<Result<std::optional<Bytes>>(const Candidate&)>;

struct Request {
  std::vector<std::string> paths;  // in the image, with or without a slash in front
  fsverity::Parameters parameters = {};
  Signing signature = {};             // none: nothing is signed
  std::filesystem::path output = {};  // empty: the image is replaced
  uint64_t offset = 0;                // where the file system begins: in the image of a whole disk, the partition
};

struct Sealed {
  std::string path;
  fsverity::SealOutcome outcome = fsverity::SealOutcome::Sealed;
  fsverity::Digest digest;
  bool is_signed = false;  // by this run
};

struct Refused {
  std::string path;
  Error error;  // names image and path
};

// All or nothing: where `refused` is not empty nothing was written, and `sealed` is empty.
struct Outcome {
  std::vector<Sealed> sealed;  // in the order of the paths
  std::vector<Refused> refused;
};

// Works on a copy beside the output, checks every seal in it, and renames it when it is on the disk. An error, or a
// refusal, leaves the image and an older output as they were. Neither times nor sizes of files change, and the same
// image and request give the same bytes in every run.
Result<Outcome> seal(const std::filesystem::path& image, const Request& request);

struct CheckRequest {
  std::vector<std::string> paths = {};  // in the image; empty: all files that have the flag of a seal
  uint64_t offset = 0;
};

struct Checked {
  std::string path;                     // or "<inode N>" where no directory has it
  Result<fsverity::Digest> digest;      // as the kernel measures it; or what is wrong with the seal
  std::optional<Bytes> signature = {};  // of the xattr
};

// In the order of the paths asked for, where one that is not sealed is an error of its own; or of all, and then a file
// with several names by the first.
Result<std::vector<Checked>> check(const std::filesystem::path& image, const CheckRequest& request = {});

}  // namespace bpfgate::image
