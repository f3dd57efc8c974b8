#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The policy of a host, put together below a root: what check and show say of it, and how it is signed.
. "$(dirname "$0")/lib.sh"

signer loader
mkdir -p image/usr/lib/bpfgate/manifest.d image/etc/bpfgate/manifest.d
cat >image/usr/lib/bpfgate/manifest.json <<'END'
{"bpfgate": 1, "name": "vendor", "sequence": 1, "mode": "audit"}
END
cp loader.pem image/etc/bpfgate/manifest.d
cat >image/etc/bpfgate/manifest.d/50-site.json <<'END'
{"mode": "enforce", "signers": [{"name": "site", "role": "loader", "certificate": "loader.pem", "grant": "full"}]}
END
base=$here/image/usr/lib/bpfgate/manifest.json
site=$here/image/etc/bpfgate/manifest.d/50-site.json

expect 0 bpfgate manifest check --host --root image
out_is "$base: vendor, sequence 1, mode enforce
  with $site"
expect 0 bpfgate manifest check --host --root image --json
json "o['name'] == 'vendor' and o['mode'] == 'enforce' and o['files'] == ['$base', '$site']"

# What is shown is what one manifest that says the same would show, and that is what is signed.
cat >whole.json <<'END'
{"bpfgate": 1, "name": "vendor", "sequence": 1, "mode": "enforce",
 "signers": [{"name": "site", "role": "loader", "certificate": "loader.pem", "grant": "full"}]}
END
bpfgate manifest show whole.json >whole.txt
expect 0 bpfgate manifest show --host --root image
cmp -s .out whole.txt || fail 'the host shows another policy'
expect 0 bpfgate manifest sign --host --root image --key loader.key --cert loader.pem
out_is "$base.p7s"
openssl cms -verify -binary -inform DER -certfile loader.pem -nointern -noverify -in "$base.p7s" -content whole.txt \
  -out /dev/null 2>.openssl || fail "openssl cms: $(cat .openssl)"

# The gate reads the same: what is wrong is said before anything is asked of the kernel.
cp image/etc/bpfgate/manifest.d/50-site.json image/usr/lib/bpfgate/manifest.d/60-again.json
cp loader.pem image/usr/lib/bpfgate/manifest.d
for command in 'manifest check --host' 'manifest show --host' 'gate load' 'gate update' 'gate seal'; do
  read -ra words <<<"$command"
  expect 1 bpfgate "${words[@]}" --root image
  err "60-again.json: /signers/0/name: a signer named \"site\" is already at $site: /signers/0"
done
# A mask, and it is as it was.
ln -s /dev/null image/etc/bpfgate/manifest.d/60-again.json
expect 0 bpfgate manifest check --host --root image

mkdir empty
expect 1 bpfgate manifest check --host --root empty
err 'this host has no policy'
expect 1 bpfgate gate load --root empty
err 'this host has no policy'

expect 2 bpfgate manifest check
err 'no manifest is named'
expect 2 bpfgate manifest check --host whole.json
expect 2 bpfgate manifest check --root image whole.json
expect 2 bpfgate manifest show --root image
expect 2 bpfgate gate load --manifest whole.json --root image
expect 2 bpfgate gate unload --root image
# A variable that is not set names no policy, and no root.
expect 2 bpfgate gate load --manifest ''
expect 2 bpfgate gate load --root ''
expect 2 bpfgate manifest check ''
