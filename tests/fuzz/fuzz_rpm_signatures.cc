// SPDX-License-Identifier: MIT
// Any texts as the signatures that a package carries: what is taken from them is what is written, and once more what is
// read. librpm, which makes the header around them, is not ours; its functions are called as they are.
//
// The input: four bytes for the algorithm's number, then the texts, each with a NUL behind it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "base/io.h"
#include "rpm/signature_header.h"

using namespace bpfgate;
using namespace bpfgate::rpm;

namespace {

using Entries = std::vector<std::optional<Bytes>>;

void require(bool condition) {
  if (!condition) std::abort();
}

std::vector<std::string> texts_of(const uint8_t* data, size_t size) {
  std::vector<std::string> texts;
  const uint8_t* end = data + size;
  while (const void* nul = std::memchr(data, 0, static_cast<size_t>(end - data))) {
    texts.emplace_back(reinterpret_cast<const char*>(data));
    data = static_cast<const uint8_t*>(nul) + 1;
  }
  return texts;
}

// As rpmbuild leaves it: a header without any tag is none.
void reserve(Header header) {
  Bytes zeros(512);
  rpmtd_s tag = {};
  tag.tag = RPMSIGTAG_RESERVEDSPACE;
  tag.type = RPM_BIN_TYPE;
  tag.count = static_cast<rpm_count_t>(zeros.size());
  tag.data = zeros.data();
  require(librpm().headerPut(header, &tag, HEADERPUT_DEFAULT) == 1);
}

HeaderHandle header_with(const std::vector<std::string>& texts, uint32_t algorithm) {
  HeaderHandle header(librpm().headerNew());
  reserve(header.get());
  std::vector<const char*> strings;
  for (const std::string& text : texts) strings.push_back(text.c_str());
  if (strings.empty()) return header;
  require(librpm().headerPutStringArray(header.get(), RPMTAG_VERITYSIGNATURES, strings.data(),
                                        static_cast<rpm_count_t>(strings.size())) == 1);
  require(librpm().headerPutUint32(header.get(), RPMTAG_VERITYSIGNATUREALGO, &algorithm, 1) == 1);
  return header;
}

// As a header begins and ends in a package.
void check_form(const Bytes& written) {
  constexpr uint8_t magic[] = {0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0};
  require(written.size() >= 16 && written.size() % 8 == 0);
  require(std::memcmp(written.data(), magic, sizeof magic) == 0);
}

// From an anonymous file, as a package's is read.
HeaderHandle header_from(const Bytes& written) {
  UniqueFd fd(::memfd_create("header", MFD_CLOEXEC));
  require(fd && write_all(fd.get(), written, "header") && ::lseek(fd.get(), 0, SEEK_SET) == 0);
  Stream stream(librpm().fdDup(fd.get()));
  return HeaderHandle(librpm().headerRead(stream.get(), HEADER_MAGIC_YES));
}

void check_same(const CarriedSignatures& carried, const Entries& entries, fsverity::Algorithm algorithm) {
  bool is_any = false;
  for (const std::optional<Bytes>& entry : entries) is_any |= entry.has_value();
  require(is_any ? carried.entries == entries && carried.algorithm == algorithm : carried.entries.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  require(load_librpm().has_value());
  uint32_t algorithm = 0;
  if (size < sizeof algorithm) return 0;
  std::memcpy(&algorithm, data, sizeof algorithm);
  const std::vector<std::string> texts = texts_of(data + sizeof algorithm, size - sizeof algorithm);
  HeaderHandle header = header_with(texts, algorithm);
  require(texts.empty() || !read_signatures(header.get(), texts.size() + 1));
  auto carried = read_signatures(header.get(), texts.size());
  if (!carried || carried->entries.empty()) return 0;
  auto written = with_signatures(header.get(), carried->entries, *carried->algorithm);
  require(written.has_value());
  check_form(*written);
  HeaderHandle again = header_from(*written);
  require(again != nullptr);
  check_same(read_signatures(again.get(), texts.size()).value(), carried->entries, *carried->algorithm);
  return 0;
}
