// SPDX-License-Identifier: MIT
#include "keyring/keyring.h"

#include <keyutils.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "keyring/failure.h"

namespace bpfgate::keyring {
namespace {

// While it is filled: the owner's bits too, because a process whose session keyring does not lead to the user keyring
// (a systemd service with KeyringMode=private) does not possess what is linked there.
constexpr key_perm_t filling = KEY_POS_ALL | KEY_USR_ALL;

// Afterwards: nothing that changes a key or spreads it. Search must stay for the possessor, as which the kernel's
// PKCS#7 verification searches; the owner's view and read are for status.
constexpr key_perm_t protecting =
    KEY_POS_VIEW | KEY_POS_READ | KEY_POS_SEARCH | KEY_USR_VIEW | KEY_USR_READ | KEY_USR_SEARCH;

std::string label(Serial serial) { return "keyring " + std::to_string(serial); }

struct Free {
  void operator()(void* memory) const { ::free(memory); }
};

Failure name_is_taken(const std::string& name) {
  return fail(ErrorKind::Refused, "the user keyring holds a keyring named " + name + " already",
              "it belongs to a loaded policy, or a run that was killed left it: see keyctl show @u");
}

Result<std::vector<Serial>> members_of(Serial ring) {
  void* memory = nullptr;
  long size = ::keyctl_read_alloc(ring, &memory);
  if (size < 0) return key_failure("read " + label(ring));
  std::unique_ptr<void, Free> owner(memory);
  const auto* first = static_cast<const key_serial_t*>(memory);
  return std::vector<Serial>(first, first + static_cast<size_t>(size) / sizeof(key_serial_t));
}

Result<std::string> description_of(Serial key) {
  char* memory = nullptr;
  if (::keyctl_describe_alloc(key, &memory) < 0) return key_failure("look up key " + std::to_string(key));
  std::unique_ptr<char, Free> owner(memory);
  return std::string(memory);
}

// KEYCTL_UNLINK takes away whatever has the type and description of the key it is given, which may be another key:
// so nothing is unlinked that a look at the keyring did not show.
Result<bool> is_linked(Serial key, Serial ring) {
  TRY_ASSIGN(std::vector<Serial> keys, members_of(ring));
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

Result<> check_name_is_free(const std::string& name) {
  TRY_ASSIGN(std::vector<Serial> keys, members_of(KEY_SPEC_USER_KEYRING));
  for (Serial key : keys) {
    auto description = description_of(key);
    // Gone since it was listed, or not ours to look at: KEYCTL_MOVE_EXCL has the last word.
    if (!description || !description->starts_with("keyring;")) continue;
    if (description->ends_with(";" + name)) return name_is_taken(name);
  }
  return {};
}

// Into the user keyring, in one step that does not push out a keyring of the same name: neither add_key(2) nor
// KEYCTL_LINK can do that. The link in the process keyring comes back afterwards, so that this process possesses the
// ring for as long as it lives.
Result<> move_to_user_keyring(Serial ring, const std::string& name) {
  if (::keyctl_setperm(ring, filling) != 0) return key_failure("set permissions of keyring " + name);
  if (::keyctl_move(ring, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_USER_KEYRING, KEYCTL_MOVE_EXCL) != 0) {
    if (errno == EEXIST) return name_is_taken(name);
    return key_failure("link keyring " + name + " into the user keyring");
  }
  if (::keyctl_link(ring, KEY_SPEC_PROCESS_KEYRING) != 0)
    return key_failure("link keyring " + name + " into the process keyring");
  return {};
}

}  // namespace

Result<Keyring> Keyring::create(const std::string& name) {
  // In the process keyring the new ring would displace one of the same name that this process is filling.
  TRY(check_name_is_free(name));
  // First into the process keyring, which dies with the process: killed before the next step, nothing is left.
  key_serial_t serial = ::add_key("keyring", name.c_str(), nullptr, 0, KEY_SPEC_PROCESS_KEYRING);
  if (serial < 0) return key_failure("create keyring " + name);
  Keyring ring(serial);
  TRY(move_to_user_keyring(serial, name));
  return ring;
}

Keyring::Keyring(Keyring&& other) noexcept : serial_(std::exchange(other.serial_, 0)) {}

Keyring& Keyring::operator=(Keyring&& other) noexcept {
  if (this != &other) {
    discard();
    serial_ = std::exchange(other.serial_, 0);
  }
  return *this;
}

Keyring::~Keyring() { discard(); }

// Nothing to report to: what cannot be taken away here shows in `keyctl show @u` and makes the next create() say so.
void Keyring::discard() noexcept {
  if (serial_ == 0) return;
  for (Serial ring : {KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_USER_KEYRING})
    if (auto linked = is_linked(serial_, ring); linked && *linked) ::keyctl_unlink(serial_, ring);
  ::keyctl_invalidate(serial_);
  serial_ = 0;
}

Serial Keyring::keep() {
  ::keyctl_unlink(serial_, KEY_SPEC_PROCESS_KEYRING);
  return std::exchange(serial_, 0);
}

Result<> Keyring::add_certificate(const std::string& description, ByteView der) {
  std::string what = "add certificate " + description;
  if (::keyctl_search(serial_, "asymmetric", description.c_str(), 0) > 0)
    return fail(ErrorKind::Refused, what + ": " + label(serial_) + " holds a key of that name already",
                "give each certificate a name of its own");
  if (::add_key("asymmetric", description.c_str(), der.data(), der.size(), serial_) < 0)
    return certificate_failure(what);
  return {};
}

Result<> Keyring::protect() {
  TRY_ASSIGN(std::vector<Serial> keys, members_of(serial_));
  for (Serial key : keys)
    if (::keyctl_setperm(key, protecting) != 0) return key_failure("protect key " + std::to_string(key));
  if (::keyctl_setperm(serial_, protecting) != 0) return key_failure("protect " + label(serial_));
  return {};
}

Result<> remove(Serial serial) {
  // Serials are reused. Only what is linked where create() linked it is ours to take away.
  TRY_ASSIGN(bool is_ours, is_linked(serial, KEY_SPEC_USER_KEYRING));
  if (!is_ours) return {};
  if (::keyctl_unlink(serial, KEY_SPEC_USER_KEYRING) != 0 && errno != ENOENT && errno != ENOKEY)
    return key_failure("unlink " + label(serial) + " from the user keyring");
  // Whoever else holds a link loses its use as well. Unlinking may have been the end of it already.
  if (::keyctl_invalidate(serial) != 0 && errno != ENOKEY && errno != EKEYREVOKED)
    return key_failure("invalidate " + label(serial));
  return {};
}

Result<size_t> key_count(Serial serial) {
  TRY_ASSIGN(std::string description, description_of(serial));
  if (!std::string_view(description).starts_with("keyring;"))
    return fail(ErrorKind::Invalid, "key " + std::to_string(serial) + " is no keyring");
  TRY_ASSIGN(std::vector<Serial> keys, members_of(serial));
  return keys.size();
}

}  // namespace bpfgate::keyring
