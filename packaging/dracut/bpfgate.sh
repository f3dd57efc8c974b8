#!/bin/sh
# SPDX-License-Identifier: MIT
# shellcheck source=../boot-stage.sh
. /usr/share/bpfgate/boot-stage.sh
# shellcheck disable=SC2154 # dracut's
bpfgate_boot "$NEWROOT"
