#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests of the debhelper addon, after lib.sh: the addon as it is in the tree, with the bpfgate under test.
addon=$(readlink -f "$(dirname "$0")/../../packaging/deb/debhelper")
export PERL5LIB=$addon/perl DH_AUTOSCRIPTDIR=$addon/autoscripts PATH=$addon/bin:$PATH

# start_example VERSION [PARAGRAPH]...: the source of a package with a loader and a library, and of further packages; rules and
# lists of what to sign are for who calls.
start_example() {
  local version=$1
  shift
  mkdir -p example/debian/source
  cat >example/debian/control <<'CONTROL'
Source: example
Maintainer: Nobody <nobody@example.org>
Build-Depends: debhelper-compat (= 13)
Rules-Requires-Root: no

Package: example
Architecture: any
Depends: ${shlibs:Depends}, ${misc:Depends}
Description: a loader

Package: libexample1
Architecture: any
Multi-Arch: same
Depends: ${shlibs:Depends}, ${misc:Depends}
Description: a library
CONTROL
  [ $# = 0 ] || printf '\n%s\n' "$@" >>example/debian/control
  cat >example/debian/changelog <<CHANGELOG
example ($version) unstable; urgency=medium

  * The first one.

 -- Nobody <nobody@example.org>  Tue, 14 Nov 2023 22:13:20 +0000
CHANGELOG
  echo '3.0 (native)' >example/debian/source/format
}

# build_package DIRECTORY: its packages, beside it.
build_package() { (cd "$1" && dpkg-buildpackage -us -uc -b -d) >build.log 2>&1 || { cat build.log >&2; return 1; }; }
