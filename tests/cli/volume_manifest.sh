#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The manifest's entry for a volume: what its root hash is, and the numbers of its loaders' inodes, found without a mount.
. "$(dirname "$0")/lib.sh"
# shellcheck source=volumes.sh
. "$(dirname "$0")/volumes.sh"

volume_root
for kind in ext4 squashfs erofs; do
  volume_image $kind $kind.raw
  expect 0 bpfgate volume format $kind.raw
  expect 0 bpfgate volume manifest $kind.raw --loader inspect=/usr/bin/tool --loader full,own=/usr/bin/other
  no_err
  json 'list(o) == ["volumes"] and len(o["volumes"]) == 1 and list(o["volumes"][0]) == ["name", "root_hash", "loaders"]'
  json "o['volumes'][0]['name'] == '$kind' and o['volumes'][0]['root_hash'] == 'sha256:' + open('$kind.roothash').read()"
  json '[(l["path"], l["grant"]) for l in o["volumes"][0]["loaders"]] == [("/usr/bin/tool", "inspect"), ("/usr/bin/other", ["full", "own"])]'
  python3 -c 'import json; print(*(l["inode"] for l in json.load(open(".out"))["volumes"][0]["loaders"]))' >$kind.numbers
  # A whole policy takes it as it is.
  python3 - <<'PYTHON' >policy.json
import json
policy = {"bpfgate": 1, "name": "p", "sequence": 1, "mode": "audit", "grants": {"own": {"commands": ["prog_load"]}}}
print(json.dumps(policy | json.load(open(".out"))))
PYTHON
  expect 0 bpfgate manifest check policy.json
  # By its root hash it can be checked as well as by the file's.
  expect 0 bpfgate volume manifest --json $kind.raw --name other --root-hash "$(cat $kind.roothash)"
  json 'o["command"] == "volume manifest" and o["volume"]["name"] == "other" and o["volume"]["loaders"] == []'
  ln root/usr/bin/tool root/usr/bin/twin
  volume_image $kind twin.raw
  rm root/usr/bin/twin
  expect 0 bpfgate volume format twin.raw
  expect 1 bpfgate volume manifest twin.raw --loader full=/usr/bin/tool --loader full=/usr/bin/twin
  err 'twin.raw: /usr/bin/tool and /usr/bin/twin are the same file'

  expect 1 bpfgate volume manifest $kind.raw --loader full=/usr/bin/tool --loader full=/none
  err "bpfgate: $kind.raw: /none: there is no such file in the image"
  [ ! -s .out ] || fail "half an entry"
  expect 1 bpfgate volume manifest $kind.raw --loader full=/bin
  err "bpfgate: $kind.raw: /bin: is a symbolic link"
  expect 1 bpfgate volume manifest $kind.raw --loader full=/usr
  err "bpfgate: $kind.raw: /usr: is "
done
# What others find.
[ "$(cut -d' ' -f1 ext4.numbers)" = "$(debugfs -R 'stat /usr/bin/tool' ext4.raw 2>/dev/null | sed -n 's/^Inode: *\([0-9]*\).*/\1/p')" ] ||
  fail "debugfs finds another number"

for loader in /usr/bin/tool full full= full=usr/bin/tool full=/usr/../bin full=/usr/bin/ full=// '=/usr/bin/tool' 'f ull=/usr/bin/tool' \
  'full,=/usr/bin/tool'; do
  expect 2 bpfgate volume manifest ext4.raw --loader "$loader"
  err '--loader "'
done
expect 2 bpfgate volume manifest ext4.raw --name 'a b'
err 'is no name for a volume'
veritysetup format ext4.raw sha1.verity --hash sha1 --root-hash-file sha1.roothash >.veritysetup
expect 0 bpfgate volume verify ext4.raw --tree sha1.verity --root-hash-file sha1.roothash
expect 1 bpfgate volume manifest ext4.raw --tree sha1.verity --root-hash-file sha1.roothash
err 'sha1.verity is of sha1, which no manifest can list'
# Without the tool that knows erofs.
mkdir empty
expect 3 env PATH="$PWD/empty" "$BPFGATE" volume manifest erofs.raw --loader full=/usr/bin/tool
err 'dump.erofs is not there'
err '  install it: Debian'\''s package is erofs-utils'
