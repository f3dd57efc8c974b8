#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One clear line for each thing that can be wrong with a package or a call; a package that is not signed stays as it was.
. "$(dirname "$0")/lib.sh"

signer loaders
sign=(bpfgate rpm sign --key loaders.key --cert loaders.pem)
mkdir -p content/usr/bin content/var/lib
cp /bin/bash content/usr/bin/shell
cp /bin/true content/usr/bin/program
printf '#!/bin/sh\n' >content/usr/bin/script
chmod 755 content/usr/bin/script
: >content/var/lib/demo
"$MAKE_PACKAGE" content demo.rpm
cp demo.rpm built.rpm
unchanged() { cmp -s demo.rpm built.rpm || fail "the package was changed" 1; }

expect 2 bpfgate rpm
expect 2 bpfgate rpm sign
expect 2 bpfgate rpm sign --key loaders.key demo.rpm
expect 2 "${sign[@]}"
expect 2 "${sign[@]}" --role manifest demo.rpm
expect 2 "${sign[@]}" --hash-alg md5 demo.rpm
expect 2 "${sign[@]}" --by-use --files '*' demo.rpm
expect 2 "${sign[@]}" --role library demo.rpm
err 'name them with --files'
expect 2 bpfgate rpm inspect
unchanged

# Interpreters and scripts are refused as loaders, whatever else is meant.
expect 1 "${sign[@]}" --files '/usr/bin/*' demo.rpm
unchanged
expect 1 "${sign[@]}" --files /usr/bin/shell demo.rpm
err 'demo.rpm: /usr/bin/shell: this is a general-purpose interpreter'
err '--allow-interpreter'
unchanged
expect 1 "${sign[@]}" --files /usr/bin/script demo.rpm
err 'demo.rpm: /usr/bin/script: this is a script'
expect 0 "${sign[@]}" --files /usr/bin/program demo.rpm
cp built.rpm demo.rpm
expect 0 "${sign[@]}" --files /usr/bin/shell --allow-interpreter demo.rpm
cp built.rpm demo.rpm
expect 0 "${sign[@]}" --files /usr/bin/shell --role library demo.rpm
cp built.rpm demo.rpm
# Nobody can insist on a script: it is never the loader itself.
expect 1 "${sign[@]}" --files /usr/bin/script --allow-interpreter demo.rpm
unchanged

expect 1 "${sign[@]}" --files /usr/bin/absent demo.rpm
err 'no regular file in it is called /usr/bin/absent'
unchanged

# One bad package does not stop the others.
echo text >text.rpm
head -c 3000 demo.rpm >cut.rpm
ln -s demo.rpm link.rpm
expect 1 "${sign[@]}" --files /usr/bin/program missing.rpm text.rpm . cut.rpm link.rpm demo.rpm
err 'missing.rpm: No such file or directory'
err 'text.rpm: not an rpm package'
err '.: not a regular file'
err 'cut.rpm: '
err 'link.rpm is no regular file, but a symbolic link'
out "signed sha256:$(fsverity digest --compact content/usr/bin/program) demo.rpm:/usr/bin/program"
expect 1 bpfgate rpm inspect --json text.rpm
json '"not an rpm package" in o["packages"][0]["error"]["message"]'

# Damage is found before anything is signed.
cp built.rpm demo.rpm
printf 'xxxx' | dd of=demo.rpm bs=1 seek=$(($(stat -c %s demo.rpm) - 2000)) conv=notrunc 2>/dev/null
cp demo.rpm built.rpm
expect 1 "${sign[@]}" --files '/usr/bin/shell' --role library demo.rpm
err 'check the package with rpm -K'
unchanged

# Keys.
expect 4 bpfgate rpm sign --key missing --cert loaders.pem demo.rpm
signer other
expect 4 bpfgate rpm sign --key other.key --cert loaders.pem demo.rpm
signer ecdsa -newkey ec -pkeyopt ec_paramgen_curve:P-256
expect 4 bpfgate rpm sign --reproducible --key ecdsa.key --cert ecdsa.pem demo.rpm
err 'use an RSA key'
unchanged
