#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Signatures go into an image with the seals: made by a key, or from a directory. And `image check` says what they are worth.
. "$(dirname "$0")/lib.sh"
# shellcheck source=images.sh
. "$(dirname "$0")/images.sh"

signer loader
signer library -newkey ec -pkeyopt ec_paramgen_curve:P-256
signer stranger
mkdir -p root/usr/bin root/opt/bin root/lib
cp /bin/true root/usr/bin/tool
cp /bin/false root/opt/bin/tool
cp "$(command -v bash)" root/usr/bin/bash
printf '#!/bin/sh\n' >root/usr/bin/script
pattern 5000 >root/lib/library.so

image good.img 32M -b 4096
cp good.img i.img
expect 0 bpfgate image seal i.img /usr/bin/tool --key loader.key --cert loader.pem
digest=$(fsverity digest --compact root/usr/bin/tool)
out_is "sealed and signed sha256:$digest /usr/bin/tool"
clean i.img
debugfs -R 'ea_get -f signature /usr/bin/tool user.bpf_prog_sig' i.img 2>/dev/null
fsverity sign --key=loader.key --cert=loader.pem root/usr/bin/tool expected >/dev/null
cmp signature expected || fail "another signature than fsverity's"

# The other role in a second run, over files that are sealed as well.
expect 0 bpfgate image seal i.img /lib/library.so --role library --key library.key --cert library.pem
clean i.img
expect 0 bpfgate image check i.img --cert loader.pem --library-cert library.pem
out_is "library signature-by-library.pem sha256:$(fsverity digest --compact root/lib/library.so) /lib/library.so
loader signature-by-loader.pem sha256:$digest /usr/bin/tool"
expect 1 bpfgate image check i.img --cert loader.pem
out "no-evidence signature-untrusted sha256:$(fsverity digest --compact root/lib/library.so) /lib/library.so"
expect 0 bpfgate image check i.img
out "signed sha256:$digest /usr/bin/tool"
expect 1 bpfgate image check --json i.img --cert loader.pem
json 'o["command"] == "image check" and [f["accepted"] for f in o["files"]] == [False, True]'
json 'o["files"][1]["verdict"] == "loader" and o["files"][1]["signer"] == "loader.pem" and o["files"][1]["signed"]'
json 'o["files"][0]["reason"] == "signature-untrusted" and "signer" not in o["files"][0]'

# What must not be a loader is none here either.
refused 1 i.img bpfgate image seal i.img /usr/bin/bash --key loader.key --cert loader.pem
err 'i.img: /usr/bin/bash: this is a general-purpose interpreter'
refused 1 i.img bpfgate image seal i.img /usr/bin/script --allow-interpreter --key loader.key --cert loader.pem
err 'i.img: /usr/bin/script: this is a script'
expect 0 bpfgate image seal i.img /usr/bin/bash --allow-interpreter --key loader.key --cert loader.pem
refused 4 i.img bpfgate image seal i.img /opt/bin/tool --reproducible --key library.key --cert library.pem
refused 4 i.img bpfgate image seal i.img /opt/bin/tool --key loader.key --cert stranger.pem

# Detached ones: by path, and by name where only one file has it.
mkdir -p signatures/opt/bin
sign() { fsverity sign --key="$1.key" --cert="$1.pem" "root/$2" "$3" >/dev/null; }
sign loader usr/bin/tool signatures/tool.bpfsig
cp good.img i.img
expect 0 bpfgate image seal i.img /usr/bin/tool --signatures signatures --cert loader.pem
refused 2 i.img bpfgate image seal i.img /usr/bin/tool /opt/bin/tool --signatures signatures
err '/usr/bin/tool and /opt/bin/tool would share signatures/tool.bpfsig'
sign loader opt/bin/tool signatures/opt/bin/tool.bpfsig
expect 0 bpfgate image seal i.img /usr/bin/tool /opt/bin/tool --signatures signatures --cert loader.pem
expect 0 bpfgate image check i.img --cert loader.pem
clean i.img

cp good.img i.img
refused 1 i.img bpfgate image seal i.img /usr/bin/tool /lib/library.so --signatures signatures
err 'i.img: /lib/library.so: signatures/library.so.bpfsig: No such file or directory'
refused 1 i.img bpfgate image seal i.img /usr/bin/tool --signatures signatures --cert stranger.pem
err 'signatures/tool.bpfsig is not a signature by CN=test stranger'
refused 1 i.img bpfgate image seal i.img /usr/bin/tool --signatures signatures --cert loader.pem --salt 00
err 'signatures/tool.bpfsig is by CN=test loader, but not a signature of this file'
pattern 100 >signatures/tool.bpfsig
refused 1 i.img bpfgate image seal i.img /usr/bin/tool --signatures signatures
bpfgate sign --digest ima --detached --output-dir signatures --key loader.key --cert loader.pem root/usr/bin/tool >/dev/null 2>&1
refused 1 i.img bpfgate image seal i.img /usr/bin/tool --signatures signatures
err 'is of an IMA digest, which does not count on a sealed file'

# One file by two spellings, and by two names, has one signature.
rm -rf signatures && mkdir signatures
sign loader usr/bin/tool signatures/tool.bpfsig
cp good.img i.img
expect 0 bpfgate image seal i.img /usr/bin/tool usr//bin/./tool --signatures signatures --cert loader.pem
expect 0 bpfgate image check i.img --cert loader.pem /usr/bin/tool
refused 2 i.img bpfgate image seal i.img /usr/bin/tool /usr/bin/../../opt/bin/tool --signatures signatures
ln root/usr/bin/tool root/usr/bin/name
image i.img 32M -b 4096
expect 0 bpfgate image seal i.img /usr/bin/tool /usr/bin/name --key loader.key --cert loader.pem
out "already sealed and signed sha256:$digest /usr/bin/name"
expect 0 bpfgate image check i.img --cert loader.pem
clean i.img
rm root/usr/bin/name

# What is asked for by name must be sealed, and accepted where signers are named; the rest does not matter.
expect 0 bpfgate image seal i.img /opt/bin/tool
expect 1 bpfgate image check i.img --cert loader.pem
expect 0 bpfgate image check i.img --cert loader.pem usr/bin/tool
out_is "loader signature-by-loader.pem sha256:$digest usr/bin/tool"
expect 1 bpfgate image check i.img --cert loader.pem /usr/bin/tool /opt/bin/tool
expect 0 bpfgate image check i.img /usr/bin/tool /opt/bin/tool
expect 1 bpfgate image check i.img --files-from <(printf '%s\n' /usr/bin/tool /usr/bin/bash)
err 'bpfgate: i.img: /usr/bin/bash: is not sealed'
out "signed sha256:$digest /usr/bin/tool"
expect 1 bpfgate image check i.img /none
err 'i.img: /none: there is no such file in the image'
expect 2 bpfgate image check i.img --files-from /dev/null
expect 1 bpfgate image check --json i.img /usr/bin/bash
json 'o["files"][0]["path"] == "/usr/bin/bash" and o["files"][0]["error"]["message"] == "is not sealed"'

# Large inodes have room for what is too much for others. RSA-4096 is 655 bytes or so, and there are other attributes.
setfattr -n user.other -v "$(pattern 3000 | od -An -tx1 | tr -d ' \n' | head -c 3900)" root/lib/library.so
image i.img 32M -b 4096
refused 1 i.img bpfgate image seal i.img /lib/library.so --role library --key loader.key --cert loader.pem
err 'i.img: /lib/library.so: no room for user.bpf_prog_sig'
err 'mkfs.ext4 -I 1024'
image i.img 32M -b 4096 -I 512
refused 1 i.img bpfgate image seal i.img /lib/library.so --role library --key loader.key --cert loader.pem
err 'mkfs.ext4 -I 1024'
image i.img 32M -b 4096 -I 1024
expect 0 bpfgate image seal i.img /lib/library.so --role library --key loader.key --cert loader.pem
clean i.img
image i.img 32M -b 4096 -O ea_inode
refused 1 i.img bpfgate image seal i.img /lib/library.so --role library --key loader.key --cert loader.pem
err 'i.img: /lib/library.so: no room for user.bpf_prog_sig'

# What `bpfgate sign` has put on a file before there was an image comes along.
cp root/usr/bin/tool root/usr/bin/early
bpfgate sign --key loader.key --cert loader.pem root/usr/bin/early >/dev/null 2>&1
image i.img 32M -b 4096
expect 0 bpfgate image seal i.img /usr/bin/early
expect 0 bpfgate image check i.img --cert loader.pem

for wrong in '--key loader.key' '--cert loader.pem' '--role library' '--reproducible' \
  '--key loader.key --cert loader.pem --signatures signatures'; do
  # shellcheck disable=SC2086 # words
  expect 2 bpfgate image seal good.img /usr/bin/tool $wrong
done
