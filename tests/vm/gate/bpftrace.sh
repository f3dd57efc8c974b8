#!/bin/bash
# SPDX-License-Identifier: MIT
# A loader that generates its programs at run time: Debian's bpftrace, with everything it maps.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2

make_key loaders
make_key libraries
use_signed_bpfgate
bpftrace=$(readlink -f "$(command -v bpftrace)")
cp "$bpftrace" unsigned-bpftrace
bpfgate sign --key keys/loaders.key --cert keys/loaders.pem --with-libraries --library-key keys/libraries.key \
  --library-cert keys/libraries.pem "$bpftrace" || die "sign bpftrace with its libraries"
# shellcheck disable=SC2046 # paths of Debian's libraries have no spaces
seal "$bpftrace" $(libraries_of "$bpftrace")
write_manifest enforce.json enforce 1

# Without libbpf's messages bpftrace does not say what errno it got.
one_liner() { tool "$1" -d libbpf -e 'interval:ms:10 { printf("it runs\n"); exit(); }' && grep -q 'it runs' "$work/tool.out"; }
begin() { tool "$1" -d libbpf -e 'BEGIN { printf("it began\n"); exit(); }' && grep -q 'it began' "$work/tool.out"; }
kprobe() { tool "$1" -d libbpf -e 'kprobe:do_nanosleep { @[comm] = count(); } interval:ms:300 { exit(); }'; }
check "bpftrace, signed and sealed: a one-liner" allowed one_liner "$bpftrace"
check "bpftrace, unsigned copy: a one-liner" denied one_liner ./unsigned-bpftrace
check "bpftrace, signed and sealed: BEGIN" allowed begin "$bpftrace"
check "bpftrace, unsigned copy: BEGIN" denied begin ./unsigned-bpftrace
check "bpftrace, signed and sealed: a kprobe and a map" allowed kprobe "$bpftrace"
check "bpftrace, unsigned copy: a kprobe and a map" denied kprobe ./unsigned-bpftrace
run_checks baseline
load_gate enforce.json
run_checks gate
events
finish
