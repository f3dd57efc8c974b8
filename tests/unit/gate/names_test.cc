// SPDX-License-Identifier: MIT
// The words for the kernel's numbers, against those that judging offline uses: an operator must find one in the other.
#include <catch2/catch_test_macros.hpp>

#include "evidence/evidence.h"
#include "gate/events.h"
#include "gate/object.h"
#include "gate_abi.h"

using namespace bpfgate;

TEST_CASE("the gate and its offline twin call reasons by the same names") {
  using evidence::Reason;
  CHECK(gate::reason_name(GATE_REASON_LISTED_DIGEST) == evidence::name_of(Reason::ListedDigest));
  CHECK(gate::reason_name(GATE_REASON_SIGNATURE) == evidence::name_of(Reason::Signature));
  CHECK(gate::reason_name(GATE_REASON_NOT_SEALED) == evidence::name_of(Reason::NotSealed));
  CHECK(gate::reason_name(GATE_REASON_NO_SIGNATURE) == evidence::name_of(Reason::NoSignature));
  CHECK(gate::reason_name(GATE_REASON_SIGNATURE_TOO_LARGE) == evidence::name_of(Reason::SignatureTooLarge));
  CHECK(gate::reason_name(GATE_REASON_SIGNATURE_MALFORMED) == evidence::name_of(Reason::SignatureMalformed));
  CHECK(gate::reason_name(GATE_REASON_SIGNATURE_UNTRUSTED) == evidence::name_of(Reason::SignatureUntrusted));
  CHECK(gate::reason_name(GATE_REASON_SIGNATURE_MISMATCH) == evidence::name_of(Reason::SignatureMismatch));
  CHECK(gate::reason_name(GATE_REASON_REVOKED) == evidence::name_of(Reason::Revoked));
}

TEST_CASE("verdicts too") {
  using evidence::Verdict;
  CHECK(gate::verdict_name(GATE_VERDICT_LOADER) == evidence::name_of(Verdict::Loader));
  CHECK(gate::verdict_name(GATE_VERDICT_LIBRARY) == evidence::name_of(Verdict::Library));
  CHECK(gate::verdict_name(GATE_VERDICT_NO_EVIDENCE) == evidence::name_of(Verdict::NoEvidence));
}

TEST_CASE("a number from a newer gate keeps its number") {
  CHECK(gate::reason_name(999) == "reason 999");
  CHECK(gate::verdict_name(77) == "verdict 77");
}

TEST_CASE("the limits of the two agree") { CHECK(evidence::max_signature_size == GATE_MAX_SIGNATURE); }

TEST_CASE("what refuses is attached last, and what gives marks after what takes them away") {
  for (bool has_argument : {false, true}) {
    gate::Kernel kernel;
    kernel.bpf_hook_has_kernel_argument = has_argument;
    std::vector<std::string> programs = gate::programs_for(kernel);
    auto place = [&](const std::string& name) { return std::find(programs.begin(), programs.end(), name); };
    CHECK(programs.back() == (has_argument ? "gate_bpf" : "gate_bpf_3"));
    CHECK(place("gate_mmap") < place("gate_exec"));
    CHECK(place("gate_ptrace") < place("gate_exec"));
    CHECK(place("gate_exec") < place("gate_exec_done"));
  }
}

TEST_CASE("hooks a kernel lacks are left out") {
  gate::Kernel kernel;
  size_t without = gate::programs_for(kernel).size();
  kernel.has_post_xattr_hooks = true;
  CHECK(gate::programs_for(kernel).size() == without + 2);
}
