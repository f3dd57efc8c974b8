#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# One clear line for each thing that can be wrong with a file or a call, and its exit status.
. "$(dirname "$0")/lib.sh"

signer loader
echo content >file
sign=(bpfgate sign --key loader.key --cert loader.pem)

expect 2 bpfgate sign
expect 2 bpfgate sign --key loader.key file
expect 2 bpfgate sign --cert loader.pem file
expect 2 "${sign[@]}"
expect 2 "${sign[@]}" --role manifest file
expect 2 "${sign[@]}" --output-dir out file
err 'add --detached'
expect 2 "${sign[@]}" --with-libraries file
err '--library-key and --library-cert'
expect 2 "${sign[@]}" --with-libraries --role library file
expect 2 "${sign[@]}" --hash-alg md5 file
expect 2 "${sign[@]}" --block-size 1000 file
expect 2 "${sign[@]}" --salt 0 file
expect 2 "${sign[@]}" -j 0 file
expect 2 "${sign[@]}" --pin-file file --pin-fd 3 file
if getfattr -n user.bpf_prog_sig file 2>/dev/null; then fail "a call with a mistake signed"; fi

mkfifo fifo
ln -s nowhere dangling
expect 1 "${sign[@]}" missing . fifo dangling /dev/null file
err 'missing: No such file or directory'
err '.: not a regular file'
err 'fifo: not a regular file'
err 'dangling: No such file or directory'
err '/dev/null: not a regular file'
err '1 signed, 5 failed'
expect 1 "${sign[@]}" --files-from missing
err 'missing: No such file'

# A file system without extended attributes: unsupported, and the way out.
expect 3 "${sign[@]}" /proc/version
err 'detached signature'
expect 1 "${sign[@]}" /proc/version missing
expect 0 "${sign[@]}" --detached --output-dir out /proc/version

# Sidecars that cannot be written.
expect 1 "${sign[@]}" --detached /proc/version
expect 1 "${sign[@]}" --detached --output-dir file/out file
expect 1 "$BPFGATE" sign --key loader.key --cert loader.pem --detached --output-dir /proc/self file
