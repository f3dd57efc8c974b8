// SPDX-License-Identifier: MIT
// The files a dynamic program's own dynamic linker maps into it at start. The gate takes a loader's mark away when one
// of them is unproven, so whoever signs the loader wants to know them.
//
// This is a reading of the files, not an execution: `ld.so --list`, like ldd, maps the program at addresses of the
// program's choosing and loads the audit modules it names, so a crafted file could run code beside the signing key. The
// tests hold the result against `ld.so --list` on programs that are known to be good.
//
// Libraries opened later (plug-ins, NSS) are not in it; they are judged when they are mapped.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace bpfgate::sign {

struct Closure {
  // The dynamic linker and the libraries, symbolic links resolved, in the order they are found, each once. Where the
  // host has variants of a library for newer CPUs (glibc-hwcaps) all are here: another host may map another one.
  std::vector<std::filesystem::path> libraries;
  std::vector<std::string> missing;  // needed names that no file on this host answers to
  // Needed names that are found only through $ORIGIN in the program's own run path. The dynamic linker ignores that in
  // a program with AT_SECURE, which the gate sets: as a loader the program would not start. (They are in `libraries`
  // too.)
  std::vector<std::string> by_origin_only;
};

// Empty for what is not a dynamic program: static ones, libraries without PT_INTERP needing nothing, other files.
Result<Closure> closure_of(const std::filesystem::path& program);

}  // namespace bpfgate::sign
