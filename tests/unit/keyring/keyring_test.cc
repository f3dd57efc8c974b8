// SPDX-License-Identifier: MIT
// Against the kernel this runs on, with keyctl(1) as the second opinion. Skipped where there are no keyrings.
#include "keyring/keyring.h"

#include <keyutils.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch_test_macros.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>

#include "base/io.h"

using namespace bpfgate;
using namespace bpfgate::keyring;

namespace {

Bytes certificate(const std::string& name) {
  const char* directory = std::getenv("TEST_DATA");
  REQUIRE(directory != nullptr);
  return read_file(std::filesystem::path(directory) / (name + ".der"), 65536).value();
}

// A name of its own for each use, so that tests may run at the same time and after one that died.
std::string fresh_name() {
  static int count = 0;
  return "bpfgate-test-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
}

Keyring make_ring(const std::string& name = fresh_name()) {
  auto ring = Keyring::create(name);
  if (!ring) FAIL(ring.error().message);
  return std::move(*ring);
}

// Standard output of keyctl(1); standard error is not of interest.
std::string keyctl(const std::string& words) {
  std::string output;
  FILE* pipe = ::popen(("keyctl " + words + " 2>/dev/null").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> chunk;
  while (size_t count = ::fread(chunk.data(), 1, chunk.size(), pipe)) output.append(chunk.data(), count);
  ::pclose(pipe);
  return output;
}

bool is_in_user_keyring(Serial serial) {
  std::string number = std::to_string(serial);
  std::string listed = " " + keyctl("rlist @u");
  for (char& letter : listed)
    if (letter == '\n') letter = ' ';
  return listed.find(" " + number + " ") != std::string::npos;
}

std::vector<Serial> keys_of(Serial ring) {
  std::array<Serial, 16> keys{};
  long size = ::keyctl_read(ring, reinterpret_cast<char*>(keys.data()), sizeof(keys));
  REQUIRE(size >= 0);
  return {keys.begin(), keys.begin() + size / static_cast<long>(sizeof(Serial))};
}

// In a child whose session keyring leads nowhere, as that of a systemd service with KeyringMode=private.
int exit_status_in_private_session(const std::function<int()>& body) {
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) ::_exit(::keyctl_join_session_keyring(nullptr) < 0 ? 99 : body());
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

}  // namespace

TEST_CASE("a keyring is linked into the user keyring and goes with its owner") {
  std::string name = fresh_name();
  Serial serial = 0;
  {
    Keyring ring = make_ring(name);
    serial = ring.serial();
    CHECK(is_in_user_keyring(serial));
    CHECK(keyctl("rdescribe " + std::to_string(serial)).starts_with("keyring;"));
    CHECK(keyctl("search @u keyring " + name) == std::to_string(serial) + "\n");
    CHECK(key_count(serial).value() == 0);
  }
  CHECK_FALSE(is_in_user_keyring(serial));
  auto count = key_count(serial);
  REQUIRE_FALSE(count);
  CHECK((count.error().code == ENOKEY || count.error().code == EKEYREVOKED));
}

TEST_CASE("moving hands over the duty to remove") {
  Keyring first = make_ring();
  Serial serial = first.serial();
  Keyring second = std::move(first);
  CHECK(first.serial() == 0);
  CHECK(is_in_user_keyring(serial));
  second = make_ring();
  CHECK_FALSE(is_in_user_keyring(serial));
}

TEST_CASE("a kept keyring stays until it is removed, and removing is repeatable") {
  Serial serial = make_ring().keep();
  CHECK(is_in_user_keyring(serial));
  CHECK(remove(serial));
  CHECK_FALSE(is_in_user_keyring(serial));
  CHECK(remove(serial));
}

TEST_CASE("a keyring of the same name is not displaced") {
  std::string name = fresh_name();
  Keyring ring = make_ring(name);
  auto second = Keyring::create(name);
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::Refused);
  CHECK(second.error().message.find(name) != std::string::npos);
  CHECK(is_in_user_keyring(ring.serial()));
  CHECK(key_count(ring.serial()).value() == 0);
}

TEST_CASE("certificates arrive as asymmetric keys under their names") {
  Keyring ring = make_ring();
  REQUIRE(ring.add_certificate("loaders", certificate("rsa")));
  CHECK(key_count(ring.serial()).value() == 1);
  std::string found = keyctl("search " + std::to_string(ring.serial()) + " asymmetric loaders");
  REQUIRE_FALSE(found.empty());
  CHECK(keyctl("rdescribe " + found.substr(0, found.size() - 1)).starts_with("asymmetric;"));
}

TEST_CASE("kinds of keys are taken, or refused with the reason") {
  Keyring ring = make_ring();
  for (const char* kind : {"p256", "p384", "p521", "ed25519"}) {
    INFO(kind);
    auto added = ring.add_certificate(kind, certificate(kind));
    if (added) continue;
    CHECK(added.error().kind == ErrorKind::Key);
    CHECK((added.error().code == ENOPKG || added.error().code == ENOENT));
    CHECK(added.error().message.find("algorithm") != std::string::npos);
  }
}

TEST_CASE("what is no certificate is refused with the reason") {
  Keyring ring = make_ring();
  Bytes cut = certificate("rsa");
  cut.pop_back();
  for (const Bytes& wrong : {Bytes{1, 2, 3}, Bytes(1000, 0), cut}) {
    auto added = ring.add_certificate("wrong", wrong);
    REQUIRE_FALSE(added);
    INFO(added.error().message);
    CHECK(added.error().kind == ErrorKind::Key);
    CHECK(added.error().message.starts_with("add certificate wrong: "));
    CHECK_FALSE(added.error().remedy.empty());
  }
  CHECK(key_count(ring.serial()).value() == 0);
}

TEST_CASE("a second key of the same name does not displace the first") {
  Keyring ring = make_ring();
  REQUIRE(ring.add_certificate("a", certificate("rsa")));
  Serial first = keys_of(ring.serial()).at(0);
  auto second = ring.add_certificate("a", certificate("rsa"));
  REQUIRE_FALSE(second);
  CHECK(second.error().kind == ErrorKind::Refused);
  CHECK(keys_of(ring.serial()) == std::vector<Serial>{first});
}

TEST_CASE("a protected keyring takes nothing and gives nothing away") {
  Keyring ring = make_ring();
  REQUIRE(ring.add_certificate("a", certificate("rsa")));
  Keyring other = make_ring();
  REQUIRE(ring.protect());
  Serial serial = ring.serial();
  Serial key = keys_of(serial).at(0);

  auto added = ring.add_certificate("b", certificate("rsa"));
  REQUIRE_FALSE(added);
  CHECK(added.error().code == EACCES);
  for (Serial protected_key : {serial, key}) {
    CHECK((::keyctl_link(protected_key, other.serial()) == -1 && errno == EACCES));
    CHECK((::keyctl_link(protected_key, KEY_SPEC_SESSION_KEYRING) == -1 && errno == EACCES));
    CHECK((::keyctl_setperm(protected_key, KEY_POS_ALL | KEY_USR_ALL) == -1 && errno == EACCES));
    CHECK((::keyctl_set_timeout(protected_key, 1) == -1 && errno == EACCES));
    CHECK((::keyctl_revoke(protected_key) == -1 && errno == EACCES));
    CHECK((::keyctl_chown(protected_key, 0, static_cast<gid_t>(-1)) == -1 && errno == EACCES));
  }
  CHECK((::keyctl_link(other.serial(), serial) == -1 && errno == EACCES));
  CHECK((::keyctl_unlink(key, serial) == -1 && errno == EACCES));
  CHECK((::keyctl_clear(serial) == -1 && errno == EACCES));
  CHECK(keyctl("rdescribe " + std::to_string(serial)).find(";0b0b0000;") != std::string::npos);
  CHECK(keyctl("rdescribe " + std::to_string(key)).find(";0b0b0000;") != std::string::npos);
}

TEST_CASE("a protected keyring can still be counted, searched and removed") {
  Keyring ring = make_ring();
  REQUIRE(ring.add_certificate("a", certificate("rsa")));
  REQUIRE(ring.protect());
  Serial serial = ring.keep();
  CHECK(key_count(serial).value() == 1);
  CHECK_FALSE(keyctl("search " + std::to_string(serial) + " asymmetric a").empty());
  CHECK(remove(serial));
  CHECK_FALSE(is_in_user_keyring(serial));
  CHECK_FALSE(key_count(serial));
}

TEST_CASE("a service with a private session keyring can fill, protect, count and remove") {
  make_ring();
  Bytes der = certificate("rsa");
  CHECK(exit_status_in_private_session([&] {
          auto ring = Keyring::create(fresh_name());
          if (!ring) return 1;
          if (!ring->add_certificate("a", der)) return 2;
          if (!ring->protect()) return 3;
          Serial serial = ring->keep();
          if (auto count = key_count(serial); !count || *count != 1) return 4;
          return remove(serial) ? 0 : 5;
        }) == 0);
}

TEST_CASE("a process that is killed while it fills leaves a ring that can be seen, not a hidden one") {
  std::string name = fresh_name();
  make_ring();
  // The child's destructor does not run; what remains is what keyctl show @u shows and remove() takes away.
  CHECK(exit_status_in_private_session([&] {
          auto ring = Keyring::create(name);
          ::_exit(ring ? 0 : 1);
          return 0;
        }) == 0);
  std::string found = keyctl("search @u keyring " + name);
  REQUIRE_FALSE(found.empty());
  CHECK(remove(std::stoi(found)));
  CHECK(keyctl("search @u keyring " + name).empty());
}

TEST_CASE("remove keeps its hands off keys of others") {
  make_ring();
  key_serial_t foreign = ::add_key("keyring", "bpfgate-test-foreign", nullptr, 0, KEY_SPEC_PROCESS_KEYRING);
  REQUIRE(foreign > 0);
  CHECK(remove(foreign));
  CHECK(key_count(foreign).value() == 0);
  CHECK(::keyctl_unlink(foreign, KEY_SPEC_PROCESS_KEYRING) == 0);
}

TEST_CASE("counting keys in what is no keyring is an error") {
  make_ring();
  key_serial_t key = ::add_key("user", "bpfgate-test-key", "abcd", 4, KEY_SPEC_PROCESS_KEYRING);
  REQUIRE(key > 0);
  auto count = key_count(key);
  REQUIRE_FALSE(count);
  CHECK(count.error().kind == ErrorKind::Invalid);
  ::keyctl_unlink(key, KEY_SPEC_PROCESS_KEYRING);
}

TEST_CASE("names the kernel keeps for itself are refused with a reason") {
  make_ring();
  auto ring = Keyring::create(".bpfgate-test");
  REQUIRE_FALSE(ring);
  CHECK(ring.error().code == EPERM);
  CHECK(ring.error().remedy.find("dot") != std::string::npos);
}
