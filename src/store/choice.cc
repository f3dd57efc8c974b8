// SPDX-License-Identifier: MIT
#include "store/choice.h"

#include <elf.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <iterator>

namespace bpfgate::store {
namespace {

using evidence::Conclusion;
using evidence::Reason;
using evidence::Verdict;

int rank(const Conclusion& conclusion) {
  return conclusion.verdict == Verdict::Loader ? 2 : conclusion.verdict == Verdict::Library ? 1 : 0;
}

// What manifest/grant.h says of the built-in ones. A grant of the policy's own may have options that "full" has not.
bool includes(const std::string& grant, const std::string& other) {
  if (grant == other || other == "none") return true;
  if (other == "inspect") return grant == "full" || grant == "admin";
  return other == "full" && grant == "admin";
}

// Of several reasons why there is no evidence, the one that says most: of a signature rather than of none.
int weight(Reason reason) {
  switch (reason) {
    case Reason::Revoked:
      return 4;
    case Reason::SignatureMismatch:
      return 3;
    case Reason::SignatureUntrusted:
      return 2;
    case Reason::SignatureMalformed:
    case Reason::SignatureTooLarge:
      return 1;
    default:
      return 0;
  }
}

bool says_more(const Conclusion& so_far, const Conclusion& other) {
  return rank(so_far) == 0 && rank(other) == 0 && weight(other.reason) > weight(so_far.reason);
}

Choice choice_of(const Entry& entry, const evidence::Trust& trust) {
  std::optional<Bytes> signature;
  if (!entry.signature.empty()) signature = entry.signature;
  return {entry.signature, entry.digest, evidence::conclude(entry.digest, signature, trust)};
}

Versions signed_first(const Versions& entries) {
  Versions ordered;
  Versions others;
  std::ranges::partition_copy(entries, std::back_inserter(ordered), std::back_inserter(others),
                              [](const Entry* entry) { return !entry->signature.empty(); });
  ordered.insert(ordered.end(), others.begin(), others.end());
  return ordered;
}

}  // namespace

std::vector<std::string> missing_grants(const Conclusion& now, const Conclusion& then) {
  std::vector<std::string> missing;
  std::ranges::copy_if(now.grants, std::back_inserter(missing), [&](const std::string& grant) {
    return grant != "none" &&
           std::ranges::none_of(then.grants, [&](const std::string& other) { return includes(other, grant); });
  });
  return missing;
}

bool is_loss(const Conclusion& now, const Conclusion& then) {
  return rank(then) < rank(now) || (rank(then) == rank(now) && !missing_grants(now, then).empty());
}

bool is_gain(const Conclusion& now, const Conclusion& then) { return is_loss(then, now) && !is_loss(now, then); }

std::optional<Choice> choose(const Versions& entries, const evidence::Trust& trust) {
  std::optional<Choice> best;
  for (const Entry* entry : signed_first(entries)) {
    Choice choice = choice_of(*entry, trust);
    if (!best || is_gain(best->conclusion, choice.conclusion) || says_more(best->conclusion, choice.conclusion))
      best = std::move(choice);
  }
  return best;
}

Result<bool> is_code(int fd) {
  struct stat status = {};
  if (::fstat(fd, &status) != 0) return fail_errno("fstat");
  if ((status.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0) return true;
  std::array<char, SELFMAG> magic = {};
  ssize_t count = ::pread(fd, magic.data(), magic.size(), 0);
  if (count < 0) return fail_errno("read");
  return count == SELFMAG && std::memcmp(magic.data(), ELFMAG, SELFMAG) == 0;
}

}  // namespace bpfgate::store
