#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests of the debhelper addon, after lib.sh: the addon as it is in the tree, with the bpfgate under test.
addon=$(readlink -f "$(dirname "$0")/../../packaging/deb/debhelper")
export PERL5LIB=$addon/perl DH_AUTOSCRIPTDIR=$addon/autoscripts PATH=$addon/bin:$PATH

# build_package DIRECTORY: its packages, beside it.
build_package() { (cd "$1" && dpkg-buildpackage -us -uc -b -d) >build.log 2>&1 || { cat build.log >&2; return 1; }; }
