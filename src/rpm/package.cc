// SPDX-License-Identifier: MIT
#include "rpm/package.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>

#include "base/io.h"
#include "base/temporary.h"
#include "crypto/crypto.h"
#include "rpm/librpm.h"
#include "rpm/signature_header.h"

namespace bpfgate::rpm {
namespace {

// What the file begins with. Nothing in it counts any more, but for its length.
constexpr size_t lead_size = 96;
constexpr std::array<uint8_t, 4> lead_magic = {0xed, 0xab, 0xee, 0xdb};
// More than librpm takes for a header.
constexpr off_t max_header = off_t{512} << 20;

std::string said(const std::string& text) {
  const std::string more = take_messages();
  return more.empty() ? text : text + ": " + more;
}

Failure damaged(const std::string& what) {
  return fail(ErrorKind::Invalid, said(what), "check the package with rpm -K");
}

struct ArchiveClose {
  void operator()(rpmfi_s* archive) const {
    librpm().rpmfiArchiveClose(archive);
    librpm().rpmfiFree(archive);
  }
};
using Archive = std::unique_ptr<rpmfi_s, ArchiveClose>;

Result<Stream> stream_of(int fd) {
  Stream stream(librpm().fdDup(fd));
  if (!stream) return fail_errno("duplicate a descriptor");
  return stream;
}

// From the descriptor's position on, which is behind the header afterwards.
Result<HeaderHandle> read_header(int fd, const char* which) {
  TRY_ASSIGN(Stream stream, stream_of(fd));
  HeaderHandle header(librpm().headerRead(stream.get(), HEADER_MAGIC_YES));
  if (!header) return damaged(std::string("the ") + which + " cannot be read");
  return header;
}

Result<Bytes> read_range(int fd, off_t from, off_t to) {
  if (to < from || to - from > max_header) return damaged("the header has an impossible size");
  Bytes bytes(static_cast<size_t>(to - from));
  size_t done = 0;
  while (done < bytes.size()) {
    ssize_t count = ::pread(fd, bytes.data() + done, bytes.size() - done, from + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read");
    if (count == 0) return damaged("the file ends in its header");
    done += static_cast<size_t>(count);
  }
  return bytes;
}

Result<> check_lead(int fd) {
  Result<Bytes> lead = read_range(fd, 0, lead_size);
  if (lead && std::equal(lead_magic.begin(), lead_magic.end(), lead->begin())) return {};
  return fail(ErrorKind::Invalid, "not an rpm package");
}

// Who signs what a header lists should know that it is the header that was built.
// Whether the package says what it is.
Result<bool> check_header_digest(int fd, Header signatures, off_t from, off_t to) {
  const char* expected = librpm().headerGetString(signatures, RPMTAG_SHA256HEADER);
  if (expected == nullptr) return false;
  TRY_ASSIGN(Bytes bytes, read_range(fd, from, to));
  if (to_hex(crypto::sha256(bytes)) == expected) return true;
  return damaged("the header does not have the digest that the package says");
}

off_t aligned(off_t offset) { return (offset + 7) / 8 * 8; }

Result<off_t> position_of(int fd) {
  off_t position = ::lseek(fd, 0, SEEK_CUR);
  if (position < 0) return fail_errno("seek");
  return position;
}

Result<> move_to(int fd, off_t position) {
  if (::lseek(fd, position, SEEK_SET) < 0) return fail_errno("seek");
  return {};
}

// Which names of `entry` share its inode; itself, when there are no others.
std::vector<size_t> links_of(rpmfiles files, int entry) {
  const int* linked = nullptr;
  uint32_t count = librpm().rpmfilesFLinks(files, entry, &linked);
  if (count < 2 || linked == nullptr) return {static_cast<size_t>(entry)};
  return {linked, linked + count};
}

bool is_configuration(rpmfiles files, int entry) {
  return (librpm().rpmfilesFFlags(files, entry) & RPMFILE_CONFIG) != 0 &&
         (librpm().rpmfilesFMode(files, entry) & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0;
}

bool is_packed_file(rpmfiles files, int entry) {
  return S_ISREG(librpm().rpmfilesFMode(files, entry)) && (librpm().rpmfilesFFlags(files, entry) & RPMFILE_GHOST) == 0;
}

// One file has one signature, whichever of its names carries it.
Result<> take_signature(File& file, size_t entry, const CarriedSignatures& carried) {
  if (entry >= carried.entries.size() || !carried.entries[entry]) return {};
  if (!file.signature) file.signature = carried.entries[entry];
  if (file.signature == carried.entries[entry]) return {};
  return fail(ErrorKind::Invalid,
              printable(file.names.back()) + " is one file with " + printable(file.names.front()) +
                  ", and carries another signature",
              "sign the package anew, with --replace");
}

Result<File> file_at(rpmfiles files, int first, const CarriedSignatures& carried) {
  File file;
  file.mode = librpm().rpmfilesFMode(files, first);
  file.size = librpm().rpmfilesFSize(files, first);
  for (size_t entry : links_of(files, first)) {
    Text name(librpm().rpmfilesFN(files, static_cast<int>(entry)));
    file.names.emplace_back(name.get());
    file.entries.push_back(entry);
    file.is_configuration |= is_configuration(files, static_cast<int>(entry));
    TRY(take_signature(file, entry, carried));
  }
  return file;
}

// Into a file that is nobody else's to change before it is signed.
Result<UniqueFd> unpack_one(rpmfi archive) {
  TRY_ASSIGN(UniqueFd fd, make_nameless_file());
  TRY_ASSIGN(Stream stream, stream_of(fd.get()));
  int status = librpm().rpmfiArchiveReadToFile(archive, stream.get(), 0);
  if (status != 0) return damaged("unpack: " + std::string(Text(librpm().rpmfileStrerror(status)).get()));
  return fd;
}

}  // namespace

struct Package::State {
  std::filesystem::path path;
  UniqueFd fd;
  mode_t mode = 0;
  off_t size = 0;
  HeaderHandle signatures;
  HeaderHandle header;
  off_t header_start = 0;
  off_t payload_start = 0;
  bool has_header_digest = false;
  FilesHandle list;
  std::vector<File> files;
  std::map<size_t, size_t> file_of_entry;
  size_t entry_count = 0;
  std::optional<fsverity::Algorithm> algorithm;

  Result<> read_headers();
  Result<> read_files(Carried carried);
  Result<Stream> payload() const;
  Result<> unpack(const Want& want, const Use& use) const;
  Result<> write(const Bytes& signature_header) const;
};

Result<> Package::State::read_headers() {
  struct stat status;
  if (::fstat(fd.get(), &status) != 0) return fail_errno("fstat");
  if (!S_ISREG(status.st_mode)) return fail(ErrorKind::Failed, "not a regular file");
  mode = status.st_mode & 07777;
  size = status.st_size;
  TRY(check_lead(fd.get()));
  TRY(move_to(fd.get(), lead_size));
  TRY_ASSIGN(signatures, read_header(fd.get(), "signature header"));
  TRY_ASSIGN(header_start, position_of(fd.get()));
  header_start = aligned(header_start);
  TRY(move_to(fd.get(), header_start));
  TRY_ASSIGN(header, read_header(fd.get(), "header"));
  TRY_ASSIGN(payload_start, position_of(fd.get()));
  TRY_ASSIGN(has_header_digest, check_header_digest(fd.get(), signatures.get(), header_start, payload_start));
  return {};
}

Result<> Package::State::read_files(Carried what) {
  list.reset(librpm().rpmfilesNew(nullptr, header.get(), RPMTAG_BASENAMES, RPMFI_KEEPHEADER));
  if (!list) return damaged("the list of files cannot be read");
  entry_count = static_cast<size_t>(librpm().rpmfilesFC(list.get()));
  CarriedSignatures carried;
  if (what == Carried::Read) {
    TRY_ASSIGN(carried, read_signatures(signatures.get(), entry_count));
  }
  algorithm = carried.algorithm;
  for (size_t entry = 0; entry < entry_count; ++entry) {
    if (file_of_entry.contains(entry) || !is_packed_file(list.get(), static_cast<int>(entry))) continue;
    TRY_ASSIGN(File file, file_at(list.get(), static_cast<int>(entry), carried));
    for (size_t name : file.entries) file_of_entry[name] = files.size();
    files.push_back(std::move(file));
  }
  return {};
}

// The payload, uncompressed. librpm knows how by a name that the header gives, which is gzip's where it gives none.
Result<Stream> Package::State::payload() const {
  TRY(move_to(fd.get(), payload_start));
  const char* compressor = librpm().headerGetString(header.get(), RPMTAG_PAYLOADCOMPRESSOR);
  std::string mode_text = std::string("r.") + (compressor != nullptr ? compressor : "gzip");
  TRY_ASSIGN(Stream raw, stream_of(fd.get()));
  FD_t opened = librpm().Fdopen(raw.get(), mode_text.c_str());
  if (opened == nullptr)
    return fail(ErrorKind::Unsupported, said("this librpm cannot unpack a payload of " + mode_text.substr(2)));
  return raw;
}

Result<> Package::State::unpack(const Want& want, const Use& use) const {
  TRY_ASSIGN(Stream stream, payload());
  Archive archive(librpm().rpmfiNewArchiveReader(stream.get(), list.get(), RPMFI_ITER_READ_ARCHIVE));
  if (!archive) return damaged("the payload cannot be read");
  for (;;) {
    int entry = librpm().rpmfiNext(archive.get());
    if (entry == RPMERR_ITER_END) return {};
    if (entry < 0) return damaged("payload: " + std::string(Text(librpm().rpmfileStrerror(entry)).get()));
    auto found = file_of_entry.find(static_cast<size_t>(entry));
    // Of hard links one brings the content, the last.
    if (found == file_of_entry.end() || librpm().rpmfiArchiveHasContent(archive.get()) == 0) continue;
    const File& file = files[found->second];
    if (!want(file)) continue;
    Result<UniqueFd> content = unpack_one(archive.get());
    if (!content) return Failure(std::move(content).error().within(printable(file.names.front())));
    if (Result<> used = use(found->second, content->get()); !used)
      return Failure(std::move(used).error().within(printable(file.names.front())));
  }
}

Result<> Package::State::write(const Bytes& signature_header) const {
  TRY_ASSIGN(Bytes lead, read_range(fd.get(), 0, lead_size));
  auto write_package = [&](int to) -> Result<> {
    TRY(write_all(to, lead, path.string()));
    TRY(write_all(to, signature_header, path.string()));
    TRY(copy_rest(fd.get(), header_start, to, path.string()));
    TRY_ASSIGN(off_t written, position_of(to));
    if (written == static_cast<off_t>(lead.size() + signature_header.size()) + size - header_start) return {};
    return fail(ErrorKind::Failed, "somebody has changed it while it was copied");
  };
  return replace_file_atomically(path, write_package, mode);
}

Result<Package> Package::open(const std::filesystem::path& path, Carried carried) {
  TRY(load_librpm());
  take_messages();
  auto state = std::make_unique<State>();
  state->path = path;
  TRY_ASSIGN(state->fd, open_file(path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  auto read = [&]() -> Result<> {
    TRY(state->read_headers());
    return state->read_files(carried);
  };
  if (Result<> done = read(); !done) return Failure(std::move(done).error().within(path.string()));
  return Package(std::move(state));
}

Package::Package(std::unique_ptr<State> state) : state_(std::move(state)) {}
Package::Package(Package&&) noexcept = default;
Package& Package::operator=(Package&&) noexcept = default;
Package::~Package() = default;

const std::vector<File>& Package::files() const { return state_->files; }

std::optional<fsverity::Algorithm> Package::algorithm() const { return state_->algorithm; }

bool Package::has_header_digest() const { return state_->has_header_digest; }

Result<> Package::unpack(const Want& want, const Use& use) const {
  Result<> done = state_->unpack(want, use);
  if (!done) return Failure(std::move(done).error().within(state_->path.string()));
  return done;
}

Result<> Package::write_signatures(const std::vector<std::optional<Bytes>>& signatures,
                                   fsverity::Algorithm algorithm) const {
  std::vector<std::optional<Bytes>> entries(state_->entry_count);
  for (size_t i = 0; i < signatures.size(); ++i)
    for (size_t entry : state_->files[i].entries) entries[entry] = signatures[i];
  auto write = [&]() -> Result<> {
    TRY_ASSIGN(Bytes header, with_signatures(state_->signatures.get(), entries, algorithm));
    return state_->write(header);
  };
  if (Result<> done = write(); !done) return Failure(std::move(done).error().within(state_->path.string()));
  return {};
}

}  // namespace bpfgate::rpm
