#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What verify cannot judge is an error with its own exit status, never a verdict that looks good.
. "$(dirname "$0")/lib.sh"

signer loader
signer edwards -newkey ed25519
echo content >good
fsverity sign --key=loader.key --cert=loader.pem good good.sig >/dev/null

expect 2 bpfgate verify good
err '--cert'
expect 2 bpfgate verify --cert loader.pem
expect 2 bpfgate verify --cert loader.pem --role manifest good
expect 2 bpfgate verify --cert loader.pem --signature good.sig good loader.pem
err '--signature'

expect 4 bpfgate verify --cert missing.pem good
expect 4 bpfgate verify --cert good good
expect 4 bpfgate verify --cert edwards.pem good
expect 4 bpfgate verify --library-cert edwards.pem --cert loader.pem good

expect 1 bpfgate verify --cert loader.pem --signature missing.sig good
err 'missing.sig: No such file or directory'
expect 1 bpfgate verify --cert loader.pem missing . good
err 'missing: No such file or directory'
err '.: '
out_is 'no-evidence not-sealed good'
expect 1 bpfgate verify --json --cert loader.pem missing
json 'set(o["files"][0]) == {"path", "error"}'
