#!/bin/sh
# SPDX-License-Identifier: MIT
# The last thing that the initramfs does: from here on programs of the root file system run.
# What it could not do it has said; where the host must not go on without a gate, it does not come back.
# shellcheck disable=SC2154 # dracut's
/usr/bin/bpfgate gate boot --host "$NEWROOT" || true
