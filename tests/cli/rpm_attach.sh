#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Signatures that were made where the key is, put into packages where it is not: what comes of it is what rpm sign makes.
. "$(dirname "$0")/lib.sh"

signer loaders
signer strangers
mkdir -p content/usr/bin content/usr/sbin
cp /bin/true content/usr/bin/loader
ln content/usr/bin/loader content/usr/bin/other-name
cp /bin/false content/usr/sbin/second
"$MAKE_PACKAGE" content built.rpm
cp built.rpm wanted.rpm
bpfgate rpm sign --key loaders.key --cert loaders.pem --files /usr/bin/loader --files /usr/sbin/second wanted.rpm >.out
fresh() { cp built.rpm demo.rpm; }
unchanged() { cmp -s demo.rpm built.rpm || fail "the package was changed" 1; }
as_wanted() { cmp -s demo.rpm wanted.rpm || fail "not the package that rpm sign makes" 1; }

expect 2 bpfgate rpm attach built.rpm
expect 2 bpfgate rpm attach --store a.json --signatures b built.rpm

# From a store: listed by the build, signed elsewhere. By any of a file's names.
fresh
expect 0 bpfgate store add --store demo.json --package demo --root content content/usr/bin/other-name content/usr/sbin/second
expect 1 bpfgate rpm attach --store demo.json demo.rpm
err 'demo.rpm: /usr/sbin/second: is listed, and nobody has signed it yet'
unchanged
expect 0 bpfgate store sign --store demo.json --key loaders.key --cert loaders.pem
expect 0 bpfgate rpm attach --store demo.json demo.rpm
digest=$(fsverity digest --compact content/usr/bin/loader)
out "attached sha256:$digest demo.rpm:/usr/bin/loader"
out "attached sha256:$digest demo.rpm:/usr/bin/other-name"
as_wanted
rpm -K demo.rpm 2>/dev/null | grep -qx 'demo.rpm: digests OK' || fail "rpm -K"
fresh
expect 0 bpfgate rpm attach --store demo.json --cert loaders.pem --json demo.rpm
json 'o["command"] == "rpm attach" and ["/usr/bin/loader", "/usr/bin/other-name"] in [f["names"] for f in o["packages"][0]["files"]]'
as_wanted
fresh
expect 1 bpfgate rpm attach --store demo.json --cert strangers.pem demo.rpm
err "the store's signature is not one by CN=test strangers"
unchanged

# Of another build: nothing is attached, not even what would fit.
expect 0 bpfgate store add --store other.json --package demo --root content content/usr/sbin/second
echo more >>content/usr/bin/loader
expect 0 bpfgate store add --store other.json --package demo --root content content/usr/bin/loader
expect 0 bpfgate store sign --store other.json --key loaders.key --cert loaders.pem
expect 1 bpfgate rpm attach --store other.json demo.rpm
err "demo.rpm: /usr/bin/loader: no signature is of what it holds (sha256:$digest)"
unchanged
# Stores add up.
expect 0 bpfgate rpm attach --store other.json --store demo.json demo.rpm
as_wanted
fresh
mkdir elsewhere
cp /bin/true elsewhere/nowhere
expect 0 bpfgate store add --store none.json --package demo --root elsewhere elsewhere/nowhere
expect 1 bpfgate rpm attach --store none.json demo.rpm
err 'has a signature for none of its files'
unchanged

# From a directory, as bpfgate sign --detached leaves it.
mkdir unpacked flat
cp /bin/true unpacked/loader
cp /bin/false unpacked/second
expect 0 bpfgate sign --key loaders.key --cert loaders.pem --detached --output-dir flat unpacked/loader unpacked/second
expect 0 bpfgate rpm attach --signatures flat --cert loaders.pem demo.rpm
as_wanted
fresh
expect 1 bpfgate rpm attach --signatures flat --cert strangers.pem demo.rpm
unchanged
cp flat/second.bpfsig flat/loader.bpfsig
expect 1 bpfgate rpm attach --signatures flat --cert loaders.pem demo.rpm
err 'but not a signature of this file'
unchanged
# One signature cannot be two files'.
cp /bin/false content/usr/bin/second
"$MAKE_PACKAGE" content twice.rpm
cp twice.rpm demo.rpm
expect 1 bpfgate rpm attach --signatures flat demo.rpm
err '/usr/bin/second and /usr/sbin/second would share flat/second.bpfsig'
mkdir -p tree/usr/bin tree/usr/sbin
cp flat/second.bpfsig tree/usr/bin/
cp flat/second.bpfsig tree/usr/sbin/
expect 0 bpfgate rpm attach --signatures tree --cert loaders.pem demo.rpm
