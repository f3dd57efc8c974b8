#!/bin/bash
# SPDX-License-Identifier: MIT
# A kernel whose list of security modules lacks "bpf": said in one line, with the mend.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2
make_key loaders
make_key libraries
write_manifest audit.json audit 1
expect_status 3 "gate load" bpfgate gate load --manifest audit.json
expect_output '"bpf" is not among' "it says what is missing" bpfgate gate load --manifest audit.json
expect_output 'Add lsm=.*,bpf to the kernel command line' "it says how to mend it" bpfgate gate load --manifest audit.json
[ -e /sys/fs/bpf/bpfgate ] && fail "pins were left behind"
grep -q 'keyring.*bpfgate:' /proc/keys && fail "keyrings were left behind"
finish
