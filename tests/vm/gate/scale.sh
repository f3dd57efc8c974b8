#!/bin/bash
# SPDX-License-Identifier: MIT
# As many signers and digests as fit: the first and the last count for what they should, and nobody else does.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2

make_key libraries
make_key strangers
use_signed_bpfgate
mkdir -p "$keys/many"
many-signers "$keys/many" 998 || die "many-signers"
sign_libraries_of "$witness"
# another NAME [KEY]: the witness with other content, sealed, and signed with the key.
another() {
  cp "$witness" "$1"
  echo "$1" >>"$1"
  [ $# = 1 ] || sign_as "$2" loader "$1"
  seal "$1"
}
another first many/s0
another last many/s997
another stranger strangers
for name in listed also-listed not-listed revoked; do another $name; done
cp "$witness" unsigned

# Two in three signers have the grant "full", the others "maps"; of 100,000 digests the first is of one file, the last of another.
digest_of() { bpfgate digest "$1" | cut -d' ' -f1; }
python3 - "$keys" "$(digest_of listed)" "$(digest_of also-listed)" "$(digest_of revoked)" <<'PYTHON' || die "manifest"
import json, sys

keys, first, last, revoked = sys.argv[1:]

def listed(digest, grant="full"):
    return {"kind": "fsverity", "digest": digest, "grant": grant}

policy = {
    "bpfgate": 1, "name": "scale", "sequence": 1, "mode": "enforce",
    "signers": [{"name": "admins", "role": "loader", "certificate": keys + "/admins.pem", "grant": "admin"},
                {"name": "libraries", "role": "library", "certificate": keys + "/libraries.pem"}] +
               [{"name": f"s{n}", "role": "loader", "certificate": f"{keys}/many/s{n}.pem", "grant": "full" if n % 3 else "maps"}
                for n in range(998)],
    "digests": [listed(first)] + [listed("sha256:%064x" % n) for n in range(99998)] + [listed(last, "maps")],
    "revoked": {"digests": [{"kind": "fsverity", "digest": revoked}] +
                           [{"kind": "fsverity", "digest": "sha256:%064x" % n} for n in range(9999)]},
    "grants": {"maps": {"commands": ["map_create", "prog_get_next_id"]}},
    "default": {"grant": "none"},
}
assert 997 % 3, "the last one's grant"
json.dump(policy, open("scale.json", "w"))
policy["revoked"]["digests"][1] = {"kind": "fsverity", "digest": last}
policy["sequence"] = 2
policy["signers"].pop()
json.dump(policy, open("next.json", "w"))
PYTHON
small() { write_manifest small.json enforce "$1"; sed -i '/"loaders"/d' small.json; }

kilobytes() { awk '/^(MemAvailable):/ { print $2 }' /proc/meminfo; }
before=$(kilobytes)
start=$SECONDS
load_gate scale.json
pass "1,000 signers and 100,000 digests are loaded in $((SECONDS - start)) s, in emulation"
echo "memory: $((before - $(kilobytes))) kB"
status=$(bpfgate gate status --json)
for count in '"signers": 1000' '"digests": 100000' '"revoked_digests": 10000'; do
  [[ $status = *${count}[,[:space:]]* ]] && pass "status: $count" || fail "status: no $count in $status"
done
expect_keyrings 4 "they have four keyrings"

check "signed by the last signer" allowed ./last call
check "revoked" denied ./revoked call
# Each time explain reads all of the policy, which takes ten seconds here.
cannot_know="two cases are enough of 100,000 digests"
check "signed by the last signer, loading a program" allowed ./last load-program
check "signed by the first signer" allowed ./first call
check "signed by the first signer, making a map" allowed ./first create-map
check "signed by the first signer, whose grant has no programs" denied ./first load-program
check "listed first" allowed ./listed call
check "listed first, loading a program" allowed ./listed load-program
check "listed last" allowed ./also-listed call
check "listed last, with a smaller grant" denied ./also-listed load-program
check "not listed" denied ./not-listed call
check "signed by somebody else" denied ./stranger call
check "unsigned" denied ./unsigned call
cannot_know=''
run_checks gate
expect_output 'signature of s997' "explain names the last signer" bpfgate explain --manifest scale.json last

rm -f go
./last ask-and-wait go >last.asked & last=$!
./also-listed ask-and-wait go >listed.asked & listed=$!
for _ in $(seq 200); do grep -q asked last.asked && grep -q asked listed.asked && break; sleep 0.1; done
start=$SECONDS
update_gate next.json
pass "as many others are loaded beside them in $((SECONDS - start)) s"
expect_status 1 "the last signer has gone: refused" ./last call
expect_status 1 "the last digest is revoked: refused" ./also-listed call
expect_status 0 "the first signer is still there" ./first call
touch go
wait $last
[ $? = 1 ] && pass "a running loader of the last signer is refused" || fail "the last signer's: $(cat last.asked)"
wait $listed
[ $? = 1 ] && pass "a running loader of the last digest is refused" || fail "the last digest: $(cat listed.asked)"

# --- Too many keys for root's quota: an error that says so, and the policy in force stays.
quota=$(sysctl -n kernel.keys.root_maxkeys)
sysctl -q kernel.keys.root_maxkeys=1500 || die "sysctl"
expect_status 1 "more keys than the quota allows" bpfgate gate update --manifest scale.json
expect_said 'raise /proc/sys/kernel/keys/root_maxbytes and root_maxkeys' "it says what to raise"
expect_output '"sequence": 2' "the policy in force stays" bpfgate gate status --json
expect_status 0 "and decides" ./first call
sysctl -q kernel.keys.root_maxkeys="$quota" || die "sysctl"

# --- More grants than there is room for keyrings.
python3 - <<'PYTHON' || die "groups"
import json

policy = json.load(open("next.json"))
names = [f"g{n}" for n in range(8)]
policy["grants"].update({name: {"commands": ["map_create"]} for name in names})
for n in range(70):
    policy["signers"][2 + n]["grant"] = [name for bit, name in enumerate(names) if (n + 1) >> bit & 1]
policy["sequence"] = 3
json.dump(policy, open("groups.json", "w"))
PYTHON
expect_status 1 "signers with more sets of grants than fit" bpfgate gate update --manifest groups.json
expect_said '/signers: they need 74 keyrings, and at most 64 fit' "it says how many"

# --- Away with them.
start=$SECONDS
small 4
update_gate small.json
expect_status 1 "the first signer has gone: refused" ./first call
expect_status 1 "the first digest has gone: refused" ./listed call
expect_status 0 "bpfgate is still let in" bpfgate gate status
small 5
update_gate small.json
pass "both banks are emptied in $((SECONDS - start)) s"
finish
