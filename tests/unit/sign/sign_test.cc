// SPDX-License-Identifier: MIT
#include "sign/sign.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <catch2/catch_test_macros.hpp>

#include "base/io.h"
#include "peers.h"
#include "sign/library.h"
#include "sign/xattr.h"

using namespace bpfgate;
using namespace bpfgate::sign;
using test::Bench;

namespace {

struct Fixture {
  Bench bench;
  std::string file;
  crypto::Certificate certificate = make();
  crypto::Signer signer =
      crypto::Signer::create(bench / "a.key", certificate, crypto::passphrase_from_file("/nonexistent")).value();

  [[nodiscard]] std::optional<Bytes> signature() const { return signature_of(file); }
  [[nodiscard]] static std::optional<Bytes> signature_of(const std::string& path) {
    return get_xattr(open_file(path, O_RDONLY).value().get(), evidence::signature_xattr).value();
  }
  void sign() const { REQUIRE(sign_file(file, signer, {})); }

 private:
  crypto::Certificate make() {
    bench.make_signer("a");
    file = bench.file("file", std::string(10000, 'x'));
    return crypto::Certificate::load(bench / "a.pem").value();
  }
};

timespec mtime_of(const std::string& path) {
  struct stat status;
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mtim;
}

void check_error(const Error& error, ErrorKind kind, const std::string& text) {
  INFO(error.message);
  CHECK(error.kind == kind);
  CHECK(error.message.find(text) != std::string::npos);
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the xattr is what fsverity sign writes, and mtime stays") {
  bench.run("touch -d 2001-02-03 file; fsverity sign --key=a.key --cert=a.pem file expected");
  timespec before = mtime_of(file);
  Signed done = sign_file(file, signer, {}).value();
  CHECK(to_string(done.digest) == bench.run("fsverity digest file").substr(0, 71));
  CHECK_FALSE(done.was_sealed);
  CHECK(signature() == read_file(bench / "expected", 1 << 16).value());
  CHECK(mtime_of(file).tv_sec == before.tv_sec);
  CHECK(mtime_of(file).tv_nsec == before.tv_nsec);
}

TEST_CASE_METHOD(Fixture, "parameters are those of the call, and a second signature replaces the first") {
  sign();
  std::optional<Bytes> first = signature();
  Request request;
  request.basis.parameters = fsverity::Parameters{fsverity::Algorithm::Sha512, 1024, {1, 2, 3}};
  REQUIRE(sign_file(file, signer, request));
  bench.run("fsverity sign --hash-alg=sha512 --block-size=1024 --salt=010203 --key=a.key --cert=a.pem file expected");
  CHECK(signature() == read_file(bench / "expected", 1 << 16).value());
  CHECK(signature() != first);
}

TEST_CASE_METHOD(Fixture, "a detached signature leaves the file alone") {
  Request request;
  request.sidecar = sidecar_of(file);
  REQUIRE(sign_file(file, signer, request));
  CHECK_FALSE(signature());
  bench.run("fsverity sign --key=a.key --cert=a.pem file expected");
  CHECK(read_file(file + ".bpfsig", 1 << 16).value() == read_file(bench / "expected", 1 << 16).value());
}

TEST_CASE("a sidecar is beside its file or in a directory") {
  CHECK(sidecar_of("file") == "file.bpfsig");
  CHECK(sidecar_of("/usr/bin/tool") == "/usr/bin/tool.bpfsig");
  CHECK(sidecar_of("/usr/bin/tool", "out") == "out/tool.bpfsig");
}

TEST_CASE_METHOD(Fixture, "what cannot be signed is one error that begins with its name") {
  bench.run("mkdir directory; mkfifo fifo; ln -s nowhere dangling");
  for (const char* name : {"missing", "directory", "fifo", "dangling"}) {
    Result<Signed> done = sign_file(bench / name, signer, {});
    REQUIRE_FALSE(done);
    CHECK(done.error().message.starts_with(bench / name));
    CHECK(done.error().kind == ErrorKind::Failed);
  }
  // A regular file on a file system without extended attributes.
  Result<Signed> proc = sign_file("/proc/version", signer, {});
  REQUIRE_FALSE(proc);
  CHECK(proc.error().kind == ErrorKind::Unsupported);
}

TEST_CASE_METHOD(Fixture, "an interpreter is signed as a loader only on demand, as a library always, a script never") {
  bench.run("cp /bin/sh tool; printf '#!/bin/sh\\n' >script");
  Result<Signed> refused = sign_file(bench / "tool", signer, {});
  REQUIRE_FALSE(refused);
  check_error(refused.error(), ErrorKind::Refused, "interpreter");
  CHECK_FALSE(signature_of(bench / "tool"));
  Request request;
  request.allow_interpreter = true;
  CHECK(sign_file(bench / "tool", signer, request));
  Result<Signed> script = sign_file(bench / "script", signer, request);
  REQUIRE_FALSE(script);
  check_error(script.error(), ErrorKind::Refused, "script");
  request.allow_interpreter = false;
  request.role = evidence::Role::Library;
  CHECK(sign_file(bench / "tool", signer, request));
}

TEST_CASE_METHOD(Fixture, "detach and attach move a signature without changing it") {
  sign();
  const std::optional<Bytes> original = signature();
  std::string sidecar = bench / "moved";
  REQUIRE(detach(file, sidecar));
  CHECK_FALSE(signature());
  CHECK(read_file(sidecar, 1 << 16).value() == original);
  REQUIRE(attach(file, {sidecar, &certificate, {}}));
  CHECK(signature() == original);
}

TEST_CASE_METHOD(Fixture, "detach keeps the signature when the sidecar cannot be written") {
  sign();
  Result<> done = detach(file, bench / "no/such/directory");
  REQUIRE_FALSE(done);
  CHECK(signature());
  REQUIRE(detach(file, bench / "moved"));
  check_error(detach(file, bench / "moved").error(), ErrorKind::Failed, "carries no signature");
  CHECK(read_file(bench / "moved", 1 << 16).value().size() > 100);  // the one moved before is still there
}

TEST_CASE_METHOD(Fixture, "attach refuses what the gate would not read") {
  Request request;
  request.sidecar = bench / "good";
  REQUIRE(sign_file(file, signer, request));
  bench.run("head -c 300 good >cut; cat good a.pem >tail; head -c 16385 /dev/zero >large; : >empty");
  for (const char* name : {"cut", "tail", "large", "empty"}) {
    Result<> done = attach(file, {bench / name, nullptr, {}});
    REQUIRE_FALSE(done);
    check_error(done.error(), ErrorKind::Invalid, name);
  }
  CHECK_FALSE(attach(file, {bench / "missing", nullptr, {}}));
  CHECK_FALSE(signature());
}

TEST_CASE_METHOD(Fixture, "with a certificate attach takes only its valid signature of the file") {
  bench.make_signer("b");
  crypto::Certificate other = crypto::Certificate::load(bench / "b.pem").value();
  Request request;
  request.sidecar = bench / "good";
  REQUIRE(sign_file(file, signer, request));
  check_error(attach(file, {bench / "good", &other, {}}).error(), ErrorKind::Refused, "not a signature by CN=b");
  bench.write("changed", "changed");
  check_error(attach(bench / "changed", {bench / "good", &certificate, {}}).error(), ErrorKind::Refused,
              "not a signature of this file");
  CHECK_FALSE(Fixture::signature_of(bench / "changed"));
  CHECK(attach(bench / "changed", {bench / "good", nullptr, {}}));  // unchecked, as asked
}

TEST_CASE_METHOD(Fixture, "a library's state is told with and without a certificate") {
  bench.make_signer("b");
  crypto::Certificate other = crypto::Certificate::load(bench / "b.pem").value();
  CHECK(library_state(file, nullptr, {}).value() == LibraryState::Unsigned);
  sign();
  CHECK(library_state(file, nullptr, {}).value() == LibraryState::Signed);
  CHECK(library_state(file, &certificate, {}).value() == LibraryState::Signed);
  CHECK(library_state(file, &other, {}).value() == LibraryState::OtherSigner);
  bench.run("echo more >>file");
  CHECK(library_state(file, &certificate, {}).value() == LibraryState::OtherContent);
  bench.run("setfattr -n user.bpf_prog_sig -v nonsense file");
  CHECK(library_state(file, nullptr, {}).value() == LibraryState::Malformed);
  CHECK(library_state("/proc/version", nullptr, {}).value() == LibraryState::Unsigned);
  CHECK_FALSE(library_state(bench / "missing", nullptr, {}));
}

TEST_CASE_METHOD(Fixture, "an IMA signature is of the content's hash, in the xattr as DER alone") {
  struct Row {
    ima::Algorithm algorithm;
    const char* name;
    const char* head;
  };
  for (const Row& row :
       {Row{ima::Algorithm::Sha256, "sha256", R"(\4\0\40\0)"}, Row{ima::Algorithm::Sha384, "sha384", R"(\5\0\60\0)"},
        Row{ima::Algorithm::Sha512, "sha512", R"(\6\0\100\0)"}}) {
    INFO(row.name);
    Request request;
    request.basis.ima = row.algorithm;
    Signed done = sign_file(file, signer, request).value();
    CHECK(done.digest == ima::compute(file, row.algorithm).value());
    CHECK_FALSE(done.was_sealed);
    const std::string hash = row.name;
    bench.run("(printf 'IMAfile\\0" + std::string(row.head) + "'; openssl dgst -binary -" + hash +
              " file) >message; openssl smime -sign -binary -noattr -nocerts -outform DER -md " + hash +
              " -signer a.pem -inkey a.key -in message -out expected");
    CHECK(signature() == read_file(bench / "expected", 1 << 16).value());
    const Bytes made = *signature();
    bench.write("made", std::string(made.begin(), made.end()));
    bench.run("openssl cms -verify -binary -inform DER -in made -content message -certfile a.pem -nointern -noverify");
    CHECK(library_state(file, &certificate, request.basis).value() == LibraryState::Signed);
    CHECK(library_state(file, &certificate, {}).value() == LibraryState::OtherContent);
  }
}

TEST_CASE("a sidecar says what it is of, and one that says nothing is of fs-verity") {
  const Bytes der{0x30, 0x01, 0x0a, 0x00};
  using evidence::DigestKind;
  CHECK(sidecar_content({DigestKind::FsVerity, der}) == der);
  for (DigestKind kind : {DigestKind::FsVerity, DigestKind::Ima}) {
    Sidecar parsed = parse_sidecar(sidecar_content({kind, der})).value();
    CHECK(parsed.kind == kind);
    CHECK(parsed.signature == der);
  }
  CHECK(parse_sidecar({}).value().signature.empty());
  for (const char* content : {"bpfgate-signature ", "bpfgate-signature ima", "bpfgate-signature \n",
                              "bpfgate-signature IMA\n", "bpfgate-signature ima \n", "bpfgate-signature sha1\n"}) {
    INFO(content);
    Result<Sidecar> refused = parse_sidecar(as_bytes(content));
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::Invalid);
  }
}

TEST_CASE("an IMA signature has no place on a sealed file") {
  using evidence::DigestKind;
  CHECK(check_counts(DigestKind::FsVerity, true));
  CHECK(check_counts(DigestKind::FsVerity, false));
  CHECK(check_counts(DigestKind::Ima, false));
  check_error(check_counts(DigestKind::Ima, true).error(), ErrorKind::Refused, "the file is sealed");
}
