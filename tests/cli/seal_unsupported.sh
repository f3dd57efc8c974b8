#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Where there is no fs-verity, sealing says so with the mend and its own exit status. tests/vm/seal.sh seals for real.
. "$(dirname "$0")/lib.sh"

expect 3 bpfgate seal /proc/version
out_is ''
err 'bpfgate: /proc/version: this file system has no fs-verity'
for mend in 'tune2fs -O verity' f2fs btrfs; do err "$mend"; done

expect 3 bpfgate seal --json /proc/version /proc/cmdline
json 'o["command"] == "seal" and len(o["files"]) == 2'
json 'all("tune2fs" in f["error"]["remedy"] for f in o["files"])'

# Different troubles share no other status than "some are bad".
expect 1 bpfgate seal /proc/version missing
err 'missing: No such file or directory'
expect 1 bpfgate seal missing /proc/version
expect 1 bpfgate seal .
err '.: not a regular file'

expect 2 bpfgate seal
expect 2 bpfgate seal --block-size=100 /proc/version
expect 2 bpfgate seal --hash-alg=sha1 /proc/version
