# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Debian packages with a loader, by debhelper and the addon of this tree. Who sources this has $here, and says where to work and
# where packages go: $work, $packages.
# shellcheck disable=SC2154
addon=$here/../../packaging/deb/debhelper
export PERL5LIB=$addon/perl DH_AUTOSCRIPTDIR=$addon/autoscripts PATH=$addon/bin:$PATH BPFGATE=$BPFGATE_BUILD/src/cli/bpfgate

# package NAME VERSION [KEY]: with the witness as /usr/sbin/NAME, another file in each version; signed with KEY.key and KEY.pem.
package() {
  local name=$1 version=$2 tree=$work/$1-$2
  mkdir -p "$tree/debian/source"
  cp "$BPFGATE_BUILD/tests/vm/witness" "$tree/$name"
  echo "$version" >>"$tree/$name"
  echo '3.0 (native)' >"$tree/debian/source/format"
  echo "loader /usr/sbin/$name" >"$tree/debian/$name.bpfgate"
  echo "$name usr/sbin" >"$tree/debian/$name.install"
  # shellcheck disable=SC2016 # for debhelper
  printf '%s\n' "Source: $name" "Maintainer: Nobody <nobody@example.org>" "Build-Depends: debhelper-compat (= 13)" "Rules-Requires-Root: no" "" \
    "Package: $name" "Architecture: any" 'Depends: ${misc:Depends}' "Description: a loader" >"$tree/debian/control"
  printf '%s\n' "$name ($version) unstable; urgency=medium" "" "  * One." "" \
    " -- Nobody <nobody@example.org>  Sat, 21 Nov 2026 12:00:00 +0000" >"$tree/debian/changelog"
  printf '%s\n' '#!/usr/bin/make -f' '%:' '	dh $@ --with bpfgate' >"$tree/debian/rules"
  # What a package's own script runs must be allowed already. A test may have the power cut before anything is done there.
  # shellcheck disable=SC2016 # for the script
  printf '%s\n' '#!/bin/sh' 'set -e' '[ ! -e /run/cut-power ] || { echo o >/proc/sysrq-trigger; sleep 60; }' '#DEBHELPER#' "if [ \"\$1\" = configure ]; then /usr/sbin/$name call >/run/$name.told; fi" \
    >"$tree/debian/$name.postinst"
  chmod +x "$tree/debian/rules"
  (
    cd "$tree"
    [ $# -lt 3 ] || export DEB_BPFGATE_KEY=$3.key DEB_BPFGATE_CERT=$3.pem
    # The witness keeps its last line: stripping would take it for no part of the file.
    DEB_BUILD_OPTIONS=nostrip dpkg-buildpackage --no-sign --build=binary --no-check-builddeps
  ) >"$work/$name.log" 2>&1 || { cat "$work/$name.log" >&2; exit 2; }
  mv "$work/${name}_$version"_*.deb "$packages/"
}
