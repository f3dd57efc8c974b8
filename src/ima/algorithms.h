// SPDX-License-Identifier: MIT
// Private to this room: what there is to know of each algorithm.
#pragma once

#include "crypto/crypto.h"
#include "ima/ima.h"

namespace bpfgate::ima {

struct AlgorithmFacts {
  Algorithm algorithm;
  std::string_view name;
  size_t digest_size;
  crypto::HashAlgorithm hash;
};

// Null for a number that is none of ours.
const AlgorithmFacts* facts_of(Algorithm algorithm);

}  // namespace bpfgate::ima
