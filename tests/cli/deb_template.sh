#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Signing off-host by Debian's convention, the whole way: a template beside the packages, a service that knows files.json, the
# .debs and its keys, the source package it makes, and the companion that is built of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/addon.sh"

signer loader
signer library
export SOURCE_DATE_EPOCH=1700000000
architecture=$(dpkg-architecture -q DEB_HOST_ARCH)
# shellcheck disable=SC2016 # for debhelper
start_example '1:2.0~rc1' 'Package: example-amd64-signed-template
Architecture: any
Depends: ${misc:Depends}
Description: template'
cat >example/debian/rules <<'RULES'
#!/usr/bin/make -f
%:
	dh $@ --with bpfgate
override_dh_auto_install:
	install -D /bin/true debian/example/usr/sbin/tool
	install -D /bin/true debian/libexample1/usr/lib/libexample.so.1
RULES
chmod +x example/debian/rules
echo 'Nobody has a right in this.' >example/debian/copyright
echo 'loader /usr/sbin/tool' >example/debian/example.bpfgate
echo 'library /usr/lib/libexample.so.*' >example/debian/libexample1.bpfgate
echo 'template example libexample1' >example/debian/example-amd64-signed-template.bpfgate
build_package example || fail "dpkg-buildpackage"

# The service. It has the packages of the build, and nothing of the tree.
dpkg-deb -x example-amd64-signed-template_*.deb template
template=template/usr/share/code-signing/example-amd64-signed-template
cat >service.py <<'PYTHON'
import json, pathlib, subprocess, sys

template, source = map(pathlib.Path, sys.argv[1:])
files = json.loads((template / "files.json").read_text())
assert files["version"] == "2"
for package, wanted in files["packages"].items():
    assert wanted["trusted_certs"] == []
    tree = pathlib.Path("service", package)
    tree.mkdir(parents=True)
    (deb,) = pathlib.Path(".").glob(package + "_*.deb")
    subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    for entry in wanted["files"]:
        key = {"bpfgate-loader": "loader", "bpfgate-library": "library"}[entry["sig_type"]]
        signature = source / "debian/signatures" / package / (entry["file"] + ".sig")
        signature.parent.mkdir(parents=True)
        subprocess.run(["fsverity", "sign", "--key=%s.key" % key, "--cert=%s.pem" % key, tree / entry["file"], signature],
                       check=True, stdout=subprocess.DEVNULL)
PYTHON
mkdir signed
cp -a $template/source-template signed/source
python3 service.py $template signed/source || fail "the service cannot make anything of the template"
[ "$(cd signed/source && dpkg-parsechangelog -SSource) $(cd signed/source && dpkg-parsechangelog -SVersion)" = "example-amd64-signed 1:1+2.0~rc1" ] ||
  fail "source and version: $(cat signed/source/debian/changelog)"
(cd signed && dpkg-source -b source) >source.log 2>&1 || { cat source.log; fail "no source package"; }
# From here on there is the source package alone.
rm -r signed/source
(cd signed && dpkg-source -x example-amd64-signed_1+2.0~rc1.dsc source) >source.log 2>&1 || fail "dpkg-source -x"
# By whom the signatures are to be may be said: those that are not are not taken.
export DEB_BPFGATE_CERT=$PWD/loader.pem DEB_BPFGATE_LIBRARY_CERT=$PWD/loader.pem
if build_package signed/source; then fail "a library's signature by who signs loaders is wanted, and another is taken"; fi
grep -q 'no signature by CN=test loader of what is listed' build.log || fail "not said: $(tail build.log)"
DEB_BPFGATE_LIBRARY_CERT=$PWD/library.pem
build_package signed/source || fail "dpkg-buildpackage of the companions"
unset DEB_BPFGATE_CERT DEB_BPFGATE_LIBRARY_CERT

# Companions: a store each, which is all that they have, and the signatures in it are those of the packages' files.
for package in example libexample1; do
  dpkg-deb -x signed/${package}-bpfgate_*_"$architecture".deb companion
  dpkg-deb -x ${package}_*.deb host
done
[ "$(cd companion && find usr/lib -type f | sort | tr '\n' ' ')" = "usr/lib/bpfgate/sigs.d/example-bpfgate.json usr/lib/bpfgate/sigs.d/libexample1-bpfgate.json " ] ||
  fail "the companions have: $(find companion -type f)"
expect 1 bpfgate apply --root host --no-seal --package example
err '/usr/sbin/tool: no-signature'
cp -a companion/. host
# Their own packages apply them.
expect 0 bpfgate apply --root host --no-seal --package example --cert loader.pem
out_is 'applied /usr/sbin/tool'
expect 0 bpfgate apply --root host --no-seal --package libexample1 --cert library.pem
out_is 'applied /usr/lib/libexample.so.1'

# A signature that the service has left out is an error where the companion is built.
rm signed/source/debian/signatures/example/usr/sbin/tool.sig
if build_package signed/source 2>/dev/null; then fail "built without a signature"; fi
grep -q 'debian/signatures/example/usr/sbin/tool.sig: ' build.log || fail "not said: $(tail build.log)"
# And a template is one of packages that have something to be signed.
echo 'template example other' >example/debian/example-amd64-signed-template.bpfgate
if (cd example && dh_bpfgate_template) 2>list.log; then fail "a template of a package without a list"; fi
grep -q 'debian/other.bpfgate: is missing' list.log || fail "not said: $(cat list.log)"
