// SPDX-License-Identifier: MIT
#include "rpm/signature_header.h"

#include <algorithm>

#include "crypto/base64.h"

namespace bpfgate::rpm {
namespace {

// What precedes a header in a file, but not in headerExport()'s result: a magic number, a version and four zeros.
constexpr uint8_t header_magic[] = {0x8e, 0xad, 0xe8, 0x01, 0, 0, 0, 0};
constexpr size_t alignment = 8;

// Where rpmbuild leaves zeros for signatures to come: in packages of version 4, and in those of version 6
// (RPMSIGTAG_RESERVED, which older headers of librpm don't have).
constexpr rpm_tag_t reserved_tags[] = {RPMSIGTAG_RESERVEDSPACE, 999};

Result<std::optional<Bytes>> decode(const char* text) {
  Result<Bytes> decoded = crypto::from_wrapped_base64(text);
  if (decoded && decoded->empty()) return std::nullopt;  // line breaks alone are nothing, too
  if (decoded) return std::optional<Bytes>(*std::move(decoded));
  return fail(ErrorKind::Invalid, "a file's signature in the signature header " + decoded.error().message,
              "sign the package anew, with --replace");
}

bool is_ours(rpm_tag_t tag) { return tag == RPMTAG_VERITYSIGNATURES || tag == RPMTAG_VERITYSIGNATUREALGO; }

// A header that was read is one immutable region, to which tags could only be added behind it: two regions. So its tags
// are put into a new one, as rpmsign does it.
Result<HeaderHandle> copy_without_signatures(Header header) {
  HeaderHandle copy(librpm().headerNew());
  IteratorHandle iterator(librpm().headerInitIterator(header));
  for (;;) {
    TagData tag;
    if (librpm().headerNext(iterator.get(), tag.get()) == 0) return copy;
    if (tag->tag == RPMTAG_HEADERSIGNATURES || is_ours(tag->tag)) continue;
    if (librpm().headerPut(copy.get(), tag.get(), HEADERPUT_DEFAULT) != 1)
      return fail(ErrorKind::Invalid,
                  "librpm cannot copy tag " + std::to_string(tag->tag) + " of the signature header");
  }
}

Result<> put_signatures(Header header, const std::vector<std::optional<Bytes>>& entries,
                        fsverity::Algorithm algorithm) {
  std::vector<std::string> texts;
  texts.reserve(entries.size());
  for (const std::optional<Bytes>& entry : entries) texts.push_back(entry ? crypto::to_base64(*entry) : "");
  std::vector<const char*> strings;
  strings.reserve(texts.size());
  for (const std::string& text : texts) strings.push_back(text.c_str());
  const auto number = static_cast<uint32_t>(algorithm);
  if (librpm().headerPutStringArray(header, RPMTAG_VERITYSIGNATURES, strings.data(),
                                    static_cast<rpm_count_t>(strings.size())) != 1 ||
      librpm().headerPutUint32(header, RPMTAG_VERITYSIGNATUREALGO, &number, 1) != 1)
    return fail(ErrorKind::Failed, "librpm cannot put signatures into the signature header: " + take_messages());
  return {};
}

// As it is written: one region, with the magic before it.
Result<Bytes> export_region(HeaderHandle header) {
  HeaderHandle region(librpm().headerReload(header.release(), RPMTAG_HEADERSIGNATURES));
  if (!region) return fail(ErrorKind::Failed, "librpm cannot make a signature header: " + take_messages());
  unsigned int size = 0;
  std::unique_ptr<void, Free> blob(librpm().headerExport(region.get(), &size));
  if (!blob) return fail(ErrorKind::Failed, "librpm cannot write a signature header: " + take_messages());
  Bytes bytes(std::begin(header_magic), std::end(header_magic));
  const auto* content = static_cast<const uint8_t*>(blob.get());
  bytes.insert(bytes.end(), content, content + size);
  return bytes;
}

struct Reserve {
  rpm_tag_t tag = 0;
  size_t size = 0;
};

// With that much less of it, the package keeps its length.
std::optional<Reserve> reserve_of(Header header) {
  for (rpm_tag_t tag : reserved_tags) {
    TagData found;
    if (librpm().headerGet(header, tag, found.get(), HEADERGET_MINMEM) == 1) return Reserve{tag, found->count};
  }
  return std::nullopt;
}

// The first tag's number is that of INSTALLTIME in other headers, so that headerPutBin() would not take it.
Result<> set_reserve(Header header, const Reserve& reserve) {
  Bytes zeros(reserve.size);
  rpmtd_s tag = {};
  tag.tag = reserve.tag;
  tag.type = RPM_BIN_TYPE;
  tag.count = static_cast<rpm_count_t>(reserve.size);
  tag.data = zeros.data();
  librpm().headerDel(header, reserve.tag);
  if (librpm().headerPut(header, &tag, HEADERPUT_DEFAULT) == 1) return {};
  return fail(ErrorKind::Failed, "librpm cannot reserve space in the signature header");
}

Result<HeaderHandle> make_header(Header header, const std::vector<std::optional<Bytes>>& entries,
                                 fsverity::Algorithm algorithm) {
  TRY_ASSIGN(HeaderHandle made, copy_without_signatures(header));
  if (std::ranges::any_of(entries, [](const std::optional<Bytes>& entry) { return entry.has_value(); }))
    TRY(put_signatures(made.get(), entries, algorithm));
  return made;
}

size_t length_of(Header header) {
  unsigned int size = 0;
  std::unique_ptr<void, Free> blob(librpm().headerExport(header, &size));
  return size + sizeof header_magic;
}

}  // namespace

Result<CarriedSignatures> read_signatures(Header header, size_t count) {
  CarriedSignatures carried;
  TagData tag;
  if (librpm().headerGet(header, RPMTAG_VERITYSIGNATURES, tag.get(), HEADERGET_MINMEM) != 1) return carried;
  if (tag->count != count)
    return fail(ErrorKind::Invalid,
                "has " + std::to_string(tag->count) + " signatures of files, but " + std::to_string(count) + " files",
                "sign the package anew, with --replace");
  while (const char* text = librpm().rpmtdNextString(tag.get())) {
    TRY_ASSIGN(std::optional<Bytes> entry, decode(text));
    carried.entries.push_back(std::move(entry));
  }
  // Where it is missing rpm takes SHA-256.
  const uint64_t number = librpm().headerGetNumber(header, RPMTAG_VERITYSIGNATUREALGO);
  TRY_ASSIGN(carried.algorithm, number == 0 ? fsverity::Algorithm::Sha256 : fsverity::algorithm_numbered(number));
  return carried;
}

Result<Bytes> with_signatures(Header header, const std::vector<std::optional<Bytes>>& entries,
                              fsverity::Algorithm algorithm) {
  TRY_ASSIGN(HeaderHandle made, make_header(header, entries, algorithm));
  TRY_ASSIGN(Bytes bytes, export_region(std::move(made)));
  const auto grown = static_cast<ptrdiff_t>(bytes.size()) - static_cast<ptrdiff_t>(length_of(header));
  std::optional<Reserve> reserve = reserve_of(header);
  if (reserve && grown != 0 && grown < static_cast<ptrdiff_t>(reserve->size)) {
    reserve->size = static_cast<size_t>(static_cast<ptrdiff_t>(reserve->size) - grown);
    TRY_ASSIGN(made, make_header(header, entries, algorithm));
    TRY(set_reserve(made.get(), *reserve));
    TRY_ASSIGN(bytes, export_region(std::move(made)));
  }
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes;
}

}  // namespace bpfgate::rpm
