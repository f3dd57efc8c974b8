#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A package built by debhelper with the addon: its store is of the files as they are in the .deb, and its postinst applies that
# before anything restarts.
. "$(dirname "$0")/lib.sh"

. "$(dirname "$0")/addon.sh"
signer loader
signer library
export SOURCE_DATE_EPOCH=1700000000

start_example 1.0 'Package: example-data
Architecture: all
Description: no loader'
cat >example/tool.c <<'C'
int main(void) { return 0; }
C
cat >example/debian/rules <<'RULES'
#!/usr/bin/make -f
%:
	dh $@ --with bpfgate
override_dh_auto_build:
	cc -g -O2 -o tool tool.c
override_dh_auto_install:
	install -D tool debian/example/usr/sbin/tool
	install -D tool debian/example/usr/sbin/other
	install -D tool debian/libexample1/usr/lib/libexample.so.1.2
	ln -s libexample.so.1.2 debian/libexample1/usr/lib/libexample.so.1
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
printf '# what calls bpf(2)\nloader /usr/sbin/to*\n' >example/debian/example.bpfgate
echo 'library /usr/lib/libexample.so.*' >example/debian/libexample1.bpfgate
chmod +x example/debian/rules

build() { build_package example; }
deb() { rm -rf unpacked && dpkg-deb -x example_1.0_*.deb unpacked && dpkg-deb -e example_1.0_*.deb unpacked/DEBIAN; }

build
deb
store=unpacked/usr/lib/bpfgate/sigs.d/example.json
expect 0 bpfgate store list --store $store
out_is "sha256:$(fsverity digest --compact unpacked/usr/sbin/tool) loader /usr/sbin/tool unsigned"
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
# Of a package that may be there for several architectures, each has its own.
architecture=$(dpkg-architecture -q DEB_HOST_ARCH)
rm -rf unpacked && dpkg-deb -x libexample1_1.0_*.deb unpacked && dpkg-deb -e libexample1_1.0_*.deb unpacked/DEBIAN
expect 0 bpfgate store list --store "unpacked/usr/lib/bpfgate/sigs.d/libexample1:$architecture.json"
out_is "sha256:$(fsverity digest --compact unpacked/usr/lib/libexample.so.1.2) library /usr/lib/libexample.so.1.2 unsigned"
grep -q "bpfgate apply --package 'libexample1:$architecture'" unpacked/DEBIAN/postinst || fail "postinst: $(cat unpacked/DEBIAN/postinst)"
expect 1 bpfgate apply --root unpacked --no-seal --package "libexample1:$architecture"
err 'libexample.so.1.2: no-signature'

# The same again, and signed by developers' keys: each role by its own.
cp example_1.0_*.deb first.deb
build
cmp first.deb example_1.0_*.deb || fail "two builds differ"
export DEB_BPFGATE_KEY=$PWD/loader.key
if build_package example 2>/dev/null; then fail "a key without its certificate"; fi
grep -q 'one of the two for a loader is missing' build.log || fail "not said: $(tail build.log)"
export DEB_BPFGATE_CERT=$PWD/loader.pem DEB_BPFGATE_LIBRARY_KEY=$PWD/library.key DEB_BPFGATE_LIBRARY_CERT=$PWD/library.pem
build
deb
expect 0 bpfgate apply --root unpacked --no-seal --package example --cert loader.pem
out_is 'applied /usr/sbin/tool'
rm -rf unpacked && dpkg-deb -x libexample1_1.0_*.deb unpacked
expect 1 bpfgate apply --root unpacked --no-seal --package libexample1 --cert loader.pem
expect 0 bpfgate apply --root unpacked --no-seal --package libexample1 --cert library.pem
unset DEB_BPFGATE_KEY DEB_BPFGATE_CERT DEB_BPFGATE_LIBRARY_KEY DEB_BPFGATE_LIBRARY_CERT

# A companion: for files of a package that somebody else makes, in a .deb here.
mkdir -p companion/debian/source
cp example/debian/changelog example/debian/rules companion/debian/
sed -i '/^override/,$d' companion/debian/rules
sed -i 's/^example/companion/' companion/debian/changelog
cat >companion/debian/control <<'CONTROL'
Source: companion
Maintainer: Nobody <nobody@example.org>
Build-Depends: debhelper-compat (= 13)
Rules-Requires-Root: no

Package: example-bpfgate
Architecture: any
Depends: ${misc:Depends}
Description: signatures
CONTROL
echo '3.0 (native)' >companion/debian/source/format
printf 'for ../first.deb\nloader /usr/sbin/tool\n' >companion/debian/example-bpfgate.bpfgate
build_package companion
rm -rf unpacked && dpkg-deb -x example-bpfgate_1.0_*.deb unpacked && dpkg-deb -e example-bpfgate_1.0_*.deb unpacked/DEBIAN
dpkg-deb -x first.deb theirs
expect 0 bpfgate store list --store unpacked/usr/lib/bpfgate/sigs.d/example-bpfgate.json
out_is "sha256:$(fsverity digest --compact theirs/usr/sbin/tool) loader /usr/sbin/tool unsigned"
grep -qx 'interest-await /usr/sbin/tool' unpacked/DEBIAN/triggers || fail "triggers: $(cat unpacked/DEBIAN/triggers)"
[ ! -e unpacked/usr/sbin ] || fail "it has the other package's files"
# Its store, signed in another place, comes back as a file of its source.
companion_store=unpacked/usr/lib/bpfgate/sigs.d/example-bpfgate.json
cp $companion_store companion/debian/example-bpfgate.store
expect 0 bpfgate store sign --store companion/debian/example-bpfgate.store --key loader.key --cert loader.pem
build_package companion
rm -rf unpacked && dpkg-deb -x example-bpfgate_1.0_*.deb unpacked
cmp $companion_store companion/debian/example-bpfgate.store || fail "another store than the one that was signed"
# Which a later version of the other package has outgrown.
printf 'for ../later.deb\nloader /usr/sbin/tool\n' >companion/debian/example-bpfgate.bpfgate
dpkg-deb -R first.deb later
echo later >>later/usr/sbin/tool
dpkg-deb --build --root-owner-group later later.deb >.out
if build_package companion 2>/dev/null; then fail "built with signatures of another version"; fi
grep -q 'debian/example-bpfgate.store: has no signature of /usr/sbin/tool' build.log || fail "not said: $(tail build.log)"
rm companion/debian/example-bpfgate.store
# Of an installed one.
printf 'for bash\nlibrary /bin/bas*\n' >companion/debian/example-bpfgate.bpfgate
build_package companion
rm -rf unpacked && dpkg-deb -x example-bpfgate_1.0_*.deb unpacked
expect 0 bpfgate store list --store unpacked/usr/lib/bpfgate/sigs.d/example-bpfgate.json
out "sha256:$(fsverity digest --compact /bin/bash) library $(readlink -f /bin/bash) unsigned"

# What is wrong in the list ends the build, and says where.
for line in 'loader /usr/sbin/missing' 'loader usr/sbin/tool' '/usr/sbin/tool' 'admin /usr/sbin/tool' 'loader /usr/sbin/tool more'; do
  printf '# comment\n%s\n' "$line" >example/debian/example.bpfgate
  if (cd example && dh_bpfgate_store --package=example) 2>list.log; then fail "built with: $line"; fi
  grep -q 'debian/example.bpfgate:2: ' list.log || fail "not said: $line: $(cat list.log)"
done
