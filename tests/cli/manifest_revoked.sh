#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What a manifest revokes: check says what that means for what it trusts, a drop-in can do it, and diff and explain know.
. "$(dirname "$0")/lib.sh"

signer loader
signer other
fingerprint() { echo "sha256:$(openssl x509 -in "$1.pem" -outform DER | sha256sum | cut -d' ' -f1)"; }
echo content >file
digest=$(bpfgate digest file | cut -d' ' -f1)
mkdir -p image/usr/lib/bpfgate image/etc/bpfgate/manifest.d
cp loader.pem image/usr/lib/bpfgate
cat >image/usr/lib/bpfgate/manifest.json <<END
{"bpfgate": 1, "name": "vendor", "sequence": 1, "mode": "audit",
 "signers": [{"name": "vendor", "role": "loader", "certificate": "loader.pem", "grant": "full"}],
 "digests": [{"kind": "fsverity", "digest": "$digest", "grant": "full"}]}
END
base=$here/image/usr/lib/bpfgate/manifest.json
expect 0 bpfgate manifest check --host --root image --json
json "o['notes'] == []"
bpfgate manifest show --host --root image >before.txt

drop_in=$here/image/etc/bpfgate/manifest.d/90-revoke.json
cat >"$drop_in" <<END
{"revoked": {"digests": [{"kind": "fsverity", "digest": "$digest", "note": "CVE"}],
             "certificates": [{"fingerprint": "$(fingerprint loader)"}, {"fingerprint": "$(fingerprint other)"}]}}
END
expect 0 bpfgate manifest check --host --root image
out_is "$base: vendor, sequence 1, mode audit
  with $drop_in
  note: /digests/0: $digest is listed and revoked: revoked counts
  note: signer vendor: its certificate is revoked, and nothing it has signed counts
  note: revoked certificate $(fingerprint other) is no signer's: what others vouch for is not looked at"
expect 0 bpfgate manifest check --host --root image --json
json "len(o['notes']) == 3 and 'listed and revoked' in o['notes'][0]"
bpfgate manifest show --host --root image >after.txt
expect 0 diff <(python3 -c 'import json, sys; o = json.load(sys.stdin); o.pop("revoked"); print(json.dumps(o, sort_keys=True))' <after.txt) \
  <(python3 -c 'import json, sys; print(json.dumps(json.load(sys.stdin), sort_keys=True))' <before.txt)

# The same as one file: to revoke makes nothing wider, to take it back does.
python3 - "$base" "$drop_in" <<'PYTHON'
import json, sys

base, drop_in = (json.load(open(name)) for name in sys.argv[1:])
json.dump(base, open("plain.json", "w"))
json.dump({**base, **drop_in}, open("revoking.json", "w"))
PYTHON
expect 1 bpfgate manifest diff plain.json revoking.json
out "+ revoked digest fsverity $digest"
if grep -q wider .out; then fail "revoking is said to be wider: $(cat .out)"; fi
expect 1 bpfgate manifest diff revoking.json plain.json
out "- revoked digest fsverity $digest  (wider)"
out "- revoked certificate $(fingerprint loader)  (wider)"

# What is not sealed was no loader before either, so that is what is said of it.
expect 1 bpfgate explain --manifest revoking.json file
out 'verdict   no-evidence: not-sealed'

sed 's/"fingerprint": "sha256:/"fingerprint": "/' revoking.json >wrong.json
expect 1 bpfgate manifest check wrong.json
err '/revoked/certificates/0/fingerprint: '
err 'openssl x509'
