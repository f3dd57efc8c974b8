// SPDX-License-Identifier: MIT
/* Hands laid on keys and keyrings: see attack.c. */
#include <errno.h>
#include <linux/keyctl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "attack.h"

static long keyctl(int operation, unsigned long a, unsigned long b, unsigned long c) {
  return syscall(SYS_keyctl, operation, a, b, c, 0);
}

static unsigned long serial(const char* text) { return strtoul(text, NULL, 0); }

/* Where the permissions of the key deny it already, that is EACCES, and comes before the gate is asked. */
static int key_status(long result) { return result < 0 && errno == EACCES ? denied : status_of(result); }

static int verb_key_add(char** arguments) {
  return key_status(syscall(SYS_add_key, "user", "intruder", "x", 1, serial(arguments[0])));
}

static int verb_key_link(char** arguments) {
  long key = syscall(SYS_add_key, "user", "intruder", "x", 1, KEY_SPEC_PROCESS_KEYRING);

  if (key < 0) return give_up("add_key");
  return key_status(keyctl(KEYCTL_LINK, (unsigned long)key, serial(arguments[0]), 0));
}

/* Somebody else's hold on it. */
static int verb_key_link_elsewhere(char** arguments) {
  return key_status(keyctl(KEYCTL_LINK, serial(arguments[0]), (unsigned long)KEY_SPEC_USER_KEYRING, 0));
}

static int verb_key_unlink(char** arguments) {
  return key_status(keyctl(KEYCTL_UNLINK, serial(arguments[0]), (unsigned long)KEY_SPEC_USER_KEYRING, 0));
}

static int verb_key_move(char** arguments) {
  return key_status(syscall(SYS_keyctl, KEYCTL_MOVE, serial(arguments[0]), (unsigned long)KEY_SPEC_USER_KEYRING,
                            (unsigned long)KEY_SPEC_PROCESS_KEYRING, 0));
}

static int verb_key_clear(char** arguments) { return key_status(keyctl(KEYCTL_CLEAR, serial(arguments[0]), 0, 0)); }

static int verb_key_setperm(char** arguments) {
  return key_status(keyctl(KEYCTL_SETPERM, serial(arguments[0]), 0x3f3f3f3f, 0));
}

static int verb_key_chown(char** arguments) { return key_status(keyctl(KEYCTL_CHOWN, serial(arguments[0]), 0, 0)); }
static int verb_key_revoke(char** arguments) { return key_status(keyctl(KEYCTL_REVOKE, serial(arguments[0]), 0, 0)); }

static int verb_key_invalidate(char** arguments) {
  return key_status(keyctl(KEYCTL_INVALIDATE, serial(arguments[0]), 0, 0));
}

static int verb_key_timeout(char** arguments) {
  return key_status(keyctl(KEYCTL_SET_TIMEOUT, serial(arguments[0]), 1, 0));
}

static int verb_key_restrict(char** arguments) {
  return key_status(keyctl(KEYCTL_RESTRICT_KEYRING, serial(arguments[0]), 0, 0));
}

static int verb_key_search(char** arguments) {
  return key_status(keyctl(KEYCTL_SEARCH, serial(arguments[0]), (unsigned long)"user", (unsigned long)arguments[1]));
}

const struct verb key_verbs[] = {
    {"key-add", 1, verb_key_add},         {"key-chown", 1, verb_key_chown},
    {"key-clear", 1, verb_key_clear},     {"key-invalidate", 1, verb_key_invalidate},
    {"key-link", 1, verb_key_link},       {"key-link-elsewhere", 1, verb_key_link_elsewhere},
    {"key-move", 1, verb_key_move},       {"key-restrict", 1, verb_key_restrict},
    {"key-revoke", 1, verb_key_revoke},   {"key-search", 2, verb_key_search},
    {"key-setperm", 1, verb_key_setperm}, {"key-timeout", 1, verb_key_timeout},
    {"key-unlink", 1, verb_key_unlink},   {NULL, 0, NULL},
};
