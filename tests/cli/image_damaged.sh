#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Damage to a sealed image is found by `image check`, and whatever is wrong with an image, nothing crashes, nothing hangs and the
# image stays as it is.
. "$(dirname "$0")/lib.sh"
# shellcheck source=images.sh
. "$(dirname "$0")/images.sh"

mkdir -p root/usr/bin
pattern 20000 >root/usr/bin/tool
pattern 5000 >root/usr/bin/other
image good.img 16M -b 4096 -O ^has_journal
bpfgate image seal good.img /usr/bin/tool >/dev/null
expect 0 bpfgate image check good.img

# flipped OFFSET: good.img with one bit of that byte another, as i.img.
flipped() {
  python3 - "$1" <<'PYTHON'
import sys

image = bytearray(open("good.img", "rb").read())
image[int(sys.argv[1])] ^= 1
open("i.img", "wb").write(image)
PYTHON
}
read -ra blocks <<<"$(debugfs -R 'blocks /usr/bin/tool' good.img 2>/dev/null)"
[ ${#blocks[@]} = 7 ] || fail "wanted five blocks of content, one of the tree and the descriptor's: ${blocks[*]}"
flipped $((blocks[2] * 4096 + 17))
expect 1 bpfgate image check i.img
err 'bpfgate: i.img: /usr/bin/tool: its content is not what was sealed'
err '  make the image anew'
expect 1 bpfgate image check --json i.img
json '"its content is not what was sealed" in o["files"][0]["error"]["message"] and "digest" not in o["files"][0]'
refused 1 i.img bpfgate image seal i.img /usr/bin/tool
err 'i.img: /usr/bin/tool: its content is not what was sealed'
flipped $((blocks[5] * 4096 + 40))
expect 1 bpfgate image check i.img
err 'i.img: /usr/bin/tool: block 0 of the Merkle tree of its seal is wrong'
flipped $((blocks[6] * 4096 + 2))
expect 1 bpfgate image check i.img
err 'i.img: /usr/bin/tool: its seal has blocks of 8192 bytes, more than the file system'
flipped $((blocks[6] * 4096 + 4095))
expect 1 bpfgate image check i.img
err 'i.img: /usr/bin/tool: has no descriptor of its seal'

# A seal that no directory has a name for is looked at as well.
cp good.img i.img
debugfs -w -R 'unlink /usr/bin/tool' i.img >/dev/null 2>&1
expect 0 bpfgate image check i.img
grep -q ' <inode [0-9]*>$' .out || fail "the file without a name is left out"
image i.img 16M -b 4096
expect 0 bpfgate image check i.img
err 'i.img: no file in it is sealed'
expect 1 bpfgate image check none.img
err 'none.img: No such file or directory'

# A table that is to begin so far away that its end would come before, or where another begins.
for first in 18446744073709551615 18446744073709551600 131; do
  image i.img 16M -b 1024 -O '64bit,^metadata_csum,^uninit_bg,^has_journal'
  refused 0 i.img bpfgate image seal i.img -o out.img --block-size 1024 /usr/bin/tool
  debugfs -w -R "set_bg 1 inode_table $first" i.img >/dev/null 2>&1
  refused 1 i.img bpfgate image seal i.img -o out.img --block-size 1024 /usr/bin/tool
  err 'i.img: is damaged: its groups are described wrongly'
done

mkfifo fifo
expect 1 bpfgate image check fifo
err 'fifo: is no regular file'

# Names come out of the image, and act on no terminal.
cp root/usr/bin/tool root/$'\e[31mred'
image i.img 16M -b 4096
expect 0 bpfgate image seal i.img $'\e[31mred'
expect 0 bpfgate image check i.img
grep -qF '/\x1b[31mred' .out || fail "the name is printed as it is"
rm root/$'\e[31mred'
mkdir root/$'\e[31mdirectory'
image i.img 16M -b 4096
bpfgate image seal i.img /usr/bin/tool >/dev/null
inode=$(debugfs -R 'ls -p /' i.img 2>/dev/null | awk -F / '/directory/ { print $2 }')
debugfs -w -R "zap_block -f <$inode> -p 255 0" i.img >/dev/null 2>&1
expect 1 bpfgate image check i.img
err 'i.img: read the directory /\x1b[31mdirectory/: '
rmdir root/$'\e[31mdirectory'

# At random, where the file system describes itself: the same places in each run. Checksums would find all of it, so there are none.
image good.img 2M -b 1024 -N 32 -O ^has_journal,^metadata_csum,^resize_inode
bpfgate image seal good.img --block-size 1024 /usr/bin/tool >/dev/null
cat >fuzz.py <<'PYTHON'
import os, random, subprocess, sys

good = open("good.img", "rb").read()
content = open("root/usr/bin/tool", "rb").read() + open("root/usr/bin/other", "rb").read()
blocks = {content[at:at + 1024] for at in range(0, len(content), 1024)}
places = [at for at in range(len(good)) if good[at] and good[at // 1024 * 1024:at // 1024 * 1024 + 1024] not in blocks]
program = os.environ["BPFGATE"]
random.seed(1)
seen = set()
for number in range(150):
    image = bytearray(good)
    for _ in range(random.choice((1, 1, 2, 5))):
        image[random.choice(places)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
    open("fuzzed.img", "wb").write(image)
    for words in (["check", "fuzzed.img"], ["seal", "--block-size", "1024", "-o", "out.img", "fuzzed.img", "/usr/bin/other"]):
        done = subprocess.run([program, "image", *words], capture_output=True, timeout=60)
        seen.add((words[0], done.returncode))
        if done.returncode not in (0, 1, 3) or b"bpfgate: std::" in done.stderr:
            sys.exit(f"round {number}: {words[0]}: status {done.returncode}: {done.stderr.decode(errors='replace')}")
    if open("fuzzed.img", "rb").read() != image:
        sys.exit(f"round {number}: the image was changed")
if not {("check", 0), ("check", 1), ("seal", 0), ("seal", 1)} <= seen:
    sys.exit(f"the rounds have not seen both outcomes: {seen}")
PYTHON
python3 fuzz.py || fail "see above"
