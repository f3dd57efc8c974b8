#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# inspect shows what evidence there is, and judges the signature only where it is told whose it should be.
. "$(dirname "$0")/lib.sh"

signer loader
signer stranger
echo content >file
digest=$(fsverity digest file | cut -d' ' -f1)
fsverity sign --key=loader.key --cert=loader.pem file file.sig >/dev/null

expect 0 bpfgate inspect file
out '  sealed:       no'
out "  digest:       $digest once sealed"
out '  signature:    none'

set_signature file file.sig
size=$(stat -c %s file.sig)
expect 0 bpfgate inspect file
out "  signature:    user.bpf_prog_sig, $size bytes"
grep -qi "signed by: .*CN=test loader.*$(openssl x509 -in loader.pem -noout -serial | cut -d= -f2)" .out || fail 'signer not shown'
out '  matches:      unknown; name the signer with --cert'
expect 0 bpfgate inspect --cert loader.pem file
out '  matches:      yes, by loader.pem'
expect 0 bpfgate inspect --cert stranger.pem file
out '  matches:      no: signature-untrusted'
expect 0 bpfgate inspect --cert loader.pem --block-size 1024 file
out '  matches:      no: signature-mismatch'
expect 0 bpfgate inspect --signature loader.pem file
out '  signed by:    unreadable: not a detached PKCS#7 signature'

expect 0 bpfgate inspect --json --cert loader.pem file /proc/version
json 'o["command"] == "inspect" and o["files"][0]["sealed"] is False'
json "o['files'][0]['digest'] == '$digest'"
json "o['files'][0]['signature']['size'] == $size and o['files'][0]['signature']['matches'] is True"
json 'o["files"][1]["signature"] is None and o["files"][1]["fsverity_supported"] is False'

expect 1 bpfgate inspect missing file
err 'missing: No such file or directory'
out file
expect 2 bpfgate inspect
