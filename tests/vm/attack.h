// SPDX-License-Identifier: MIT
/* What the parts of `attack` share: how a verb ends. */
#pragma once

/* Exit statuses: see attack.c. */
enum { allowed = 0, denied = 1, could_not_try = 2, other_error = 3 };

struct verb {
  const char* name;
  int arguments; /* how many it takes */
  int (*run)(char** arguments);
};

/* Each ends with a verb that has no name. */
extern const struct verb key_verbs[];
extern const struct verb mount_verbs[];

/* could_not_try, with what errno says. */
int give_up(const char* what);
/* What a system call's result means: negative with `expected` in errno is a denial. */
int denied_by(long result, int expected);
/* The same where a denial is EPERM. */
int status_of(long result);
