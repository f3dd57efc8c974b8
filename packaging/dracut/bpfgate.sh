#!/bin/sh
# SPDX-License-Identifier: MIT
# The last thing that the initramfs does: from here on programs of the root file system run.
mountpoint -q /sys/fs/bpf || mount -t bpf -o nosuid,nodev,noexec,mode=700 bpf /sys/fs/bpf
# What it could not do it has said; where the host must not go on without a gate, it does not come back.
# shellcheck disable=SC2154 # dracut's
/usr/bin/bpfgate gate boot --host "$NEWROOT" || true
