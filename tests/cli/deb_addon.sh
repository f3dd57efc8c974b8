#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A package built by debhelper with the addon: its store is of the files as they are in the .deb, and its postinst applies that
# before anything restarts.
. "$(dirname "$0")/lib.sh"

addon=$(dirname "$0")/../../packaging/deb/debhelper
signer loader
mkdir -p perl/Debian/Debhelper/Sequence autoscripts bin
cp "$addon/bpfgate.pm" perl/Debian/Debhelper/Sequence/
cp "$addon/postinst-bpfgate" autoscripts/
cp "$addon/dh_bpfgate" "$addon/dh_bpfgate_store" bin/
export PERL5LIB=$PWD/perl DH_AUTOSCRIPTDIR=$PWD/autoscripts PATH=$PWD/bin:$PATH
export SOURCE_DATE_EPOCH=1700000000

mkdir -p example/debian/source example/debian
cat >example/tool.c <<'C'
int main(void) { return 0; }
C
cat >example/debian/control <<'CONTROL'
Source: example
Maintainer: Nobody <nobody@example.org>
Build-Depends: debhelper-compat (= 13)
Rules-Requires-Root: no

Package: example
Architecture: any
Depends: ${shlibs:Depends}, ${misc:Depends}
Description: a loader

Package: example-data
Architecture: all
Description: no loader
CONTROL
cat >example/debian/changelog <<'CHANGELOG'
example (1.0) unstable; urgency=medium

  * The first one.

 -- Nobody <nobody@example.org>  Tue, 14 Nov 2023 22:13:20 +0000
CHANGELOG
cat >example/debian/rules <<'RULES'
#!/usr/bin/make -f
%:
	dh $@ --with bpfgate
override_dh_auto_build:
	cc -g -O2 -o tool tool.c
override_dh_auto_install:
	install -D tool debian/example/usr/sbin/tool
	install -D tool debian/example/usr/sbin/other
override_dh_installsystemd:
	dh_installsystemd --name=tool
RULES
cat >example/debian/example.tool.service <<'UNIT'
[Unit]
Description=a loader
[Service]
ExecStart=/usr/sbin/tool
[Install]
WantedBy=multi-user.target
UNIT
echo '3.0 (native)' >example/debian/source/format
printf '# what calls bpf(2)\nloader /usr/sbin/to*\n' >example/debian/example.bpfgate
chmod +x example/debian/rules

build() { (cd example && dpkg-buildpackage -us -uc -b -d) >build.log 2>&1 || { cat build.log; fail "dpkg-buildpackage"; }; }
deb() { dpkg-deb -x example_1.0_*.deb unpacked && dpkg-deb -e example_1.0_*.deb unpacked/DEBIAN; }

build
deb
store=unpacked/usr/lib/bpfgate/sigs.d/example.json
expect 0 bpfgate store list --store $store
out_is "sha256:$(fsverity digest --compact unpacked/usr/sbin/tool) /usr/sbin/tool unsigned"
[ "$(stat -c %a $store)" = 644 ] || fail "mode of the store"
(cd unpacked && md5sum --quiet -c DEBIAN/md5sums) || fail "md5sums"
grep -q sigs.d/example.json unpacked/DEBIAN/md5sums || fail "the store has no checksum"
# Before the unit is restarted.
applies=$(grep -n 'bpfgate apply --package .example.' unpacked/DEBIAN/postinst | cut -d: -f1)
restarts=$(grep -n 'deb-systemd-invoke' unpacked/DEBIAN/postinst | head -n 1 | cut -d: -f1)
{ [ -n "$applies" ] && [ -n "$restarts" ] && [ "$applies" -lt "$restarts" ]; } || fail "postinst: $(cat unpacked/DEBIAN/postinst)"
sh -n unpacked/DEBIAN/postinst || fail "postinst is no script"
dpkg-deb -e example-data_1.0_all.deb data
[ ! -e data/postinst ] || fail "a package without loaders has a postinst"

# The same again, and signed by a developer's key.
cp example_1.0_*.deb first.deb
build
cmp first.deb example_1.0_*.deb || fail "two builds differ"
export DEB_BPFGATE_KEY=$PWD/loader.key DEB_BPFGATE_CERT=$PWD/loader.pem
build
rm -r unpacked
deb
expect 0 bpfgate apply --root unpacked --no-seal --package example --cert loader.pem
out_is 'applied /usr/sbin/tool'

# What is wrong in the list ends the build, and says where.
for line in 'loader /usr/sbin/missing' 'loader usr/sbin/tool' '/usr/sbin/tool' 'admin /usr/sbin/tool' 'loader /usr/sbin/tool more'; do
  printf '# comment\n%s\n' "$line" >example/debian/example.bpfgate
  if (cd example && dpkg-buildpackage -us -uc -b -d) >build.log 2>&1; then fail "built with: $line"; fi
  grep -q 'debian/example.bpfgate:2: ' build.log || fail "not said: $line: $(tail build.log)"
done
