#!/bin/bash
# SPDX-License-Identifier: MIT
# Follows one guide, on the machine of ../guides, up to the next time that it is to be booted. Exits with 3 then.
cd /root || exit 2
# The machine's own bpfgate, not the one that the tests bring.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root
python3 /opt/bpfgate/lib/guide.py "/opt/bpfgate/guides/$1" /var/lib/guide
status=$?
sync
exit "$status"
