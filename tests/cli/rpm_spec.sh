#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# bpfgate's own packages by its spec file, of what is built here: everything that is installed is in one of them.
. "$(dirname "$0")/lib.sh"

packages='bpfgate bpfgated'
options=(--define 'debug_package %{nil}' --define '_build_id_links none' --define '_binary_payload w1.gzdio' --define "_topdir $here/top"
  --define "bpfgate_build $BUILD" --define "bpfgate_source $SOURCE")
if [ -n "$RPM_PLUGIN" ]; then
  packages+=' rpm-plugin-bpfgate'
  options+=(--define "bpfgate_plugindir $RPM_PLUGIN_DIR")
else
  options+=(--without plugin)
fi

expect 0 rpmspec -q --qf '%{NAME} ' "${options[@]}" "$RPM_SPEC"
[ "$(cat .out)" = "$packages " ] || fail "other packages"
# What meson looks for is there to be built with.
for name in $(sed -n "s/^[^#]*[ (\[]dependency('\([^']*\)'.*/\1/p" "$SOURCE/meson.build" "$SOURCE/src/meson.build"); do
  case $name in threads) continue ;; esac
  grep -q "^BuildRequires: pkgconfig($name)" "$RPM_SPEC" || fail "BuildRequires has no $name"
done
# Where there are systemd's macros, presets decide what is enabled; that of bpfgated is nothing.
systemd=(--define 'systemd_post() post %{*}' --define 'systemd_preun() preun %{*}' --define 'systemd_postun_with_restart() postun %{*}')
expect 0 rpmspec -P "${systemd[@]}" "$RPM_SPEC"
out 'post bpfgate.service bpfgate-apply.service'
out 'preun bpfgate.service bpfgate-apply.service'
out 'postun bpfgated.service bpfgated-metrics.service'
# As a distribution builds it.
expect 0 rpmspec -P "$RPM_SPEC"
grep -q -- ' -Drpm_plugin=true ' .out || fail "the plugin is not built"
expect 0 rpmspec -P --without plugin "$RPM_SPEC"
if grep -q bpfgate.so .out; then fail "the plugin is packaged"; fi

expect 0 rpmbuild -bb --nodeps "${options[@]}" "$RPM_SPEC"
mv top/RPMS/*/*.rpm .
list() { rpm -qpl "$1"-[0-9]*.rpm 2>/dev/null; }
has() { list "$1" | grep -x "$2" >/dev/null || fail "$1 has no $2" 1; }
has bpfgate /usr/bin/bpfgate
has bpfgate /usr/lib/bpfgate/sigs.d
has bpfgate '/usr/share/man/man1/bpfgate-rpm.1.*'
has bpfgate /usr/share/bpfgate/manifests/example.json
has bpfgated /usr/libexec/bpfgate/bpfgated
has bpfgated /usr/lib/systemd/system/bpfgated.service
[ "$(rpm -qp --qf '[%{TRANSFILETRIGGERNAME}]' bpfgate-[0-9]*.rpm 2>/dev/null)" = /usr/lib/bpfgate/sigs.d ] ||
  fail "no trigger on stores"
rpm -qp --requires bpfgated-*.rpm 2>/dev/null | grep '^bpfgate = ' >/dev/null || fail "bpfgated goes with any bpfgate"
# Programs that are to be proven themselves have few libraries, and librpm is only loaded.
if rpm -qp --requires bpfgate-[0-9]*.rpm 2>/dev/null | grep librpm; then fail "bpfgate needs librpm"; fi
# No scriptlet starts, enables or loads anything: what there is asks whether a gate enforces, before bpfgate is erased.
for package in $packages; do
  expect 0 rpm -qp --scripts "$package"-[0-9]*.rpm
  case $package in
    bpfgate) [ "$(grep -c scriptlet .out)" = 1 ] && grep -q '^preuninstall scriptlet (using /bin/sh):$' .out || fail "bpfgate has other scriptlets" ;;
    *) [ ! -s .out ] || fail "$package has scriptlets" ;;
  esac
done
preun=$(rpm -qp --qf '%{PREUN}' bpfgate-[0-9]*.rpm)
mkdir gates
gate() { printf '%s\n' '#!/bin/sh' "echo '$1'" >gates/bpfgate && chmod +x gates/bpfgate; }
erase() { PATH=$here/gates:$PATH sh -c "$preun" - "$1"; }
gate '{"mode": "enforce"}'
expect 1 erase 0
err 'take it away first'
expect 0 erase 1
gate '{"mode": "audit"}'
expect 0 erase 0
[ -n "$RPM_PLUGIN" ] || exit 0
has rpm-plugin-bpfgate "$RPM_PLUGIN_DIR/bpfgate.so"
has rpm-plugin-bpfgate /usr/lib/rpm/macros.d/macros.transaction_bpfgate
has rpm-plugin-bpfgate /usr/lib/rpm/macros.d/macros.transaction_fsverity_off
rpm -qp --requires rpm-plugin-bpfgate-*.rpm 2>/dev/null | grep '^librpm.so' >/dev/null || fail "the plugin is for any rpm"
