// SPDX-License-Identifier: MIT
// Signature headers that no rpmbuild here makes.
#include "rpm/signature_header.h"

#include <catch2/catch_test_macros.hpp>
#include <catch2/generators/catch_generators.hpp>

using namespace bpfgate;
using namespace bpfgate::rpm;

namespace {

using Entries = std::vector<std::optional<Bytes>>;

struct Fixture {
  HeaderHandle header = make();

  static HeaderHandle make() {
    REQUIRE(load_librpm());
    return HeaderHandle(librpm().headerNew());
  }

  void put_binary(rpm_tag_t number, Bytes content) const {
    rpmtd_s tag = {};
    tag.tag = number;
    tag.type = RPM_BIN_TYPE;
    tag.count = static_cast<rpm_count_t>(content.size());
    tag.data = content.data();
    REQUIRE(librpm().headerPut(header.get(), &tag, HEADERPUT_DEFAULT) == 1);
  }

  void put_signatures(std::vector<const char*> texts, std::optional<uint32_t> algorithm) const {
    REQUIRE(librpm().headerPutStringArray(header.get(), RPMTAG_VERITYSIGNATURES, texts.data(),
                                          static_cast<rpm_count_t>(texts.size())) == 1);
    if (algorithm) REQUIRE(librpm().headerPutUint32(header.get(), RPMTAG_VERITYSIGNATUREALGO, &*algorithm, 1) == 1);
  }

  [[nodiscard]] size_t size_with(size_t signature_size) const {
    Entries entries = {Bytes(signature_size, 'x')};
    return with_signatures(header.get(), entries, fsverity::Algorithm::Sha256).value().size();
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "the space that rpm reserves is taken, under either of its tags") {
  rpm_tag_t tag = GENERATE(rpm_tag_t{RPMSIGTAG_RESERVEDSPACE}, rpm_tag_t{999});
  put_binary(tag, Bytes(4096));
  CHECK(size_with(1) == size_with(2000));
  CHECK(size_with(2000) < size_with(4000));
}

TEST_CASE_METHOD(Fixture, "without such space, or with less, the header is longer") {
  CHECK(size_with(1) < size_with(100));
  put_binary(RPMSIGTAG_RESERVEDSPACE, Bytes(8));
  CHECK(size_with(100) < size_with(200));
}

TEST_CASE_METHOD(Fixture, "an algorithm that is not named is SHA-256, as for rpm; an unknown one is none") {
  put_signatures({"AAAA", "", "\n"}, std::nullopt);
  CarriedSignatures carried = read_signatures(header.get(), 3).value();
  CHECK(carried.algorithm == fsverity::Algorithm::Sha256);
  CHECK(carried.entries == Entries{Bytes(3), std::nullopt, std::nullopt});
}

TEST_CASE_METHOD(Fixture, "algorithms that nobody knows are not taken for others") {
  // The last is 1 in 16 bits.
  put_signatures({"AAAA"}, GENERATE(uint32_t{3}, uint32_t{65537}));
  CHECK(read_signatures(header.get(), 1).error().kind == ErrorKind::Unsupported);
}

TEST_CASE_METHOD(Fixture, "signatures that are no base64, or of another number of files, are refused") {
  put_signatures({"AA A"}, 1);
  CHECK(read_signatures(header.get(), 1).error().kind == ErrorKind::Invalid);
  CHECK(read_signatures(header.get(), 2).error().kind == ErrorKind::Invalid);
}
