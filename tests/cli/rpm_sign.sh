#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# rpm sign puts what `fsverity sign` writes into a package, for the files that are meant, and nothing else changes.
. "$(dirname "$0")/lib.sh"

signer loaders
signer libraries
signer ecdsa -newkey ec -pkeyopt ec_paramgen_curve:P-256
sign=(bpfgate rpm sign --key loaders.key --cert loaders.pem)

# entry FILE: its entry in demo.rpm, as rpm prints it. golden FILE [KEY]: what it must be.
entry() { rpm -qp --qf '[%{FILENAMES} %{VERITYSIGNATURES}\n]' demo.rpm 2>/dev/null | awk -v file="$1" '$1 == file { print $2 }'; }
golden() {
  fsverity sign --key="${2:-loaders}.key" --cert="${2:-loaders}.pem" "content$1" .golden >/dev/null
  base64 -w 0 .golden
}
signed_is() { [ "$(entry "$1")" = "$(golden "$@")" ] || fail "$1 has another signature" 1; }
unsigned() { [ -z "$(entry "$1")" ] || fail "$1 is signed" 1; }

mkdir -p content/usr/sbin content/usr/lib content/var/lib
strip -o content/usr/sbin/loader "$BPFGATE" # needs libbpf
ln content/usr/sbin/loader content/usr/sbin/another-name
cp /bin/true content/usr/sbin/no-loader
ln -s loader content/usr/sbin/symbolic
cp /usr/lib/x86_64-linux-gnu/libelf.so.1 content/usr/lib/libelf.so.1
: >content/var/lib/demo
"$MAKE_PACKAGE" content demo.rpm
cp demo.rpm built.rpm
size=$(stat -c %s demo.rpm)

# By use: programs that need libbpf, by all their names.
expect 0 "${sign[@]}" demo.rpm
digest=$(fsverity digest --compact content/usr/sbin/loader)
out "signed sha256:$digest demo.rpm:/usr/sbin/another-name"
out "signed sha256:$digest demo.rpm:/usr/sbin/loader"
[ "$(wc -l <.out)" = 2 ] || fail "more was signed"
no_err
signed_is /usr/sbin/loader
signed_is /usr/sbin/another-name
for file in /usr/sbin/no-loader /usr/sbin/symbolic /usr/lib/libelf.so.1 /etc/demo.conf /var/lib/demo; do unsigned $file; done
[ "$(stat -c %s demo.rpm)" = "$size" ] || fail "another length"
rpm -K demo.rpm 2>/dev/null | grep -qx 'demo.rpm: digests OK' || fail "rpm -K"

# Libraries are named, have a signer of their own, and are added.
expect 0 bpfgate rpm sign --key libraries.key --cert libraries.pem --role library --files '*/lib*.so.?' demo.rpm
signed_is /usr/lib/libelf.so.1 libraries
signed_is /usr/sbin/loader

# inspect: whose they are.
expect 0 bpfgate rpm inspect demo.rpm
out '    matches:    unknown; name the signer with --cert'
expect 0 bpfgate rpm inspect --cert loaders.pem --library-cert libraries.pem demo.rpm
out '  /usr/sbin/another-name'
out '    uses BPF:   needs libbpf.so.1'
out '    matches:    yes, by loaders.pem'
out '    matches:    yes, by libraries.pem'
expect 1 bpfgate rpm inspect --cert loaders.pem demo.rpm
out '    matches:    no: signature-untrusted'
expect 1 bpfgate rpm inspect --json --cert loaders.pem demo.rpm
json 'o["bpfgate"] == 1 and o["command"] == "rpm inspect" and o["packages"][0]["path"] == "demo.rpm"'
json '{tuple(f["names"]): f["signature"]["matches"] for f in o["packages"][0]["files"]} == {("/usr/lib/libelf.so.1",): False, ("/usr/sbin/another-name", "/usr/sbin/loader"): True}'
expect 0 bpfgate rpm inspect built.rpm
out '    signature:  none'

expect 0 bpfgate rpm inspect --require-signatures demo.rpm
expect 1 bpfgate rpm inspect --require-signatures built.rpm demo.rpm

# Many packages, from a list, in order.
mkdir many
for i in 1 2 3 4 5 6; do cp built.rpm many/$i.rpm; done
ls many/*.rpm | expect 0 "${sign[@]}" -j 3 --files-from -
[ "$(sed -n 's|^signed .* many/\(.\).rpm:/usr/sbin/loader$|\1|p' .out | tr -d '\n')" = 123456 ] || fail "not in order"
cmp many/1.rpm many/6.rpm || fail "not the same"
printf 'many/%s.rpm\0' 1 2 3 4 5 6 missing | expect 1 bpfgate rpm inspect --cert loaders.pem --files-from - -0 -j 3
[ "$(grep -c 'matches:    yes, by loaders.pem' .out)" = 6 ] || fail "not six good packages"
err many/missing.rpm

# Configuration is meant by no glob.
expect 0 "${sign[@]}" --replace --files '/*' --role library many/1.rpm
cp many/1.rpm demo.rpm
unsigned /etc/demo.conf
signed_is /usr/lib/libelf.so.1
expect 1 "${sign[@]}" --files '/etc/*' many/1.rpm
err 'only configuration files are called /etc/*'
cmp many/1.rpm demo.rpm || fail "the package was changed"

# An RSA key gives the same package in each run.
cp built.rpm again.rpm
expect 0 "${sign[@]}" --reproducible again.rpm
cp built.rpm demo.rpm
expect 0 "${sign[@]}" --json demo.rpm
cmp demo.rpm again.rpm || fail "not reproducible"
json 'o["command"] == "rpm sign" and o["packages"][0]["files"][0]["names"] == ["/usr/sbin/another-name", "/usr/sbin/loader"]'
json 'o["packages"][0]["files"][0]["digest"].startswith("sha256:")'

# --replace takes away what is not meant this time; ECDSA and SHA-512 do as well.
expect 0 bpfgate rpm sign --key ecdsa.key --cert ecdsa.pem --hash-alg sha512 --replace --files /usr/sbin/no-loader demo.rpm
unsigned /usr/sbin/loader
expect 0 bpfgate rpm inspect --cert ecdsa.pem demo.rpm
out "    digest:     $(fsverity digest --hash-alg=sha512 content/usr/sbin/no-loader | cut -d' ' -f1)"
out '    matches:    yes, by ecdsa.pem'

# A package without loaders is no failure, and is left alone.
rm content/usr/sbin/{loader,another-name,symbolic}
"$MAKE_PACKAGE" content demo.rpm
before=$(stat -c '%i %Y' demo.rpm)
expect 0 "${sign[@]}" --by-use demo.rpm
out_is 'nothing to sign in demo.rpm'
[ "$(stat -c '%i %Y' demo.rpm)" = "$before" ] || fail "written for nothing"
