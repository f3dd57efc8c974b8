#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Files in a partition of a whole disk's image are sealed, and nothing else on the disk changes.
. "$(dirname "$0")/lib.sh"
# shellcheck source=images.sh
. "$(dirname "$0")/images.sh"

mkdir -p root/usr/bin
pattern 100000 >root/usr/bin/tool
image part.img 16M -b 4096
expect 0 bpfgate image seal part.img -o sealed.img /usr/bin/tool

# Three partitions, the second is the file system's; the others have something in them.
truncate -s 40M disk.img
printf 'label: gpt\nsize=4MiB\nsize=16MiB, type=linux\nsize=4MiB\n' | sfdisk -q disk.img
read -r -d '' -a starts < <(sfdisk -J disk.img | python3 -c '
import json, sys
for part in json.load(sys.stdin)["partitiontable"]["partitions"]: print(part["start"] * 512)') || :
[ ${#starts[@]} = 3 ] || fail "not three partitions: ${starts[*]}"
offset=${starts[1]}
put() { dd if="$1" of="$2" bs=1M seek="$3" oflag=seek_bytes conv=notrunc status=none; }
pattern 4194304 >other
put other disk.img "${starts[0]}"
put other disk.img "${starts[2]}"
put part.img disk.img "$offset"
cp disk.img wanted.img
put sealed.img wanted.img "$offset"

refused 0 disk.img bpfgate image seal disk.img --offset "$offset" -o out.img /usr/bin/tool
cmp out.img wanted.img || fail "not the partition alone has changed"
expect 0 bpfgate image seal disk.img --offset "$offset" /usr/bin/tool
cmp disk.img wanted.img || fail "not the partition alone has changed in place"
sfdisk -q --verify disk.img || fail "the table is damaged"
expect 0 bpfgate image check disk.img --offset "$offset" /usr/bin/tool
out "unsigned $(fsverity digest root/usr/bin/tool | cut -d' ' -f1) /usr/bin/tool"
dd if=disk.img of=again.img bs=1M skip="$offset" count=16777216 iflag=skip_bytes,count_bytes status=none
clean again.img

refused 1 disk.img bpfgate image seal disk.img /usr/bin/tool
err 'disk.img: no ext4 file system'
err 'say with --offset where the partition begins'
expect 1 bpfgate image check disk.img --offset 4096
refused 1 disk.img bpfgate image seal disk.img --offset 41943040 /usr/bin/tool
refused 1 disk.img bpfgate image seal disk.img --offset 9223372036854775808 /usr/bin/tool
expect 2 bpfgate image seal disk.img --offset -1 /usr/bin/tool
truncate -s $((offset + 16000000)) disk.img
refused 1 disk.img bpfgate image seal disk.img --offset "$offset" /usr/bin/tool
err 'disk.img: has 16000000 bytes of a file system of 16777216'
