#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs `marked` under different gates; whoever counts its instructions finds what was run, in the order of the intervals, on
# stdout: "measured GATE KIND ROUNDS CALLS". And "memory KIB", what a gate takes of the kernel's memory, and "ring KIB" besides.
# Usage: guest.sh REPETITIONS BPF_ROUNDS BPF_CALLS REFERENCE_CALLS EXEC_ROUNDS
# shellcheck source=../vm/lib/guest.sh
. /opt/bpfgate/lib/guest.sh
repetitions=$1 bpf_rounds=$2 bpf_calls=$3 reference_calls=$4 exec_rounds=$5
cd "$work" || exit 2
# Where programs and their stacks are decides how many page tables they need.
sysctl -q kernel.randomize_va_space=0 || die "sysctl"

# measure GATE KIND ROUNDS ARGUMENT [UNDER...]: KIND bpf is done by a loader, the others by a program that is none.
measure() {
  local gate=$1 kind=$2 rounds=$3 argument=$4 program=./ordinary
  shift 4
  [ "$kind" = bpf ] && program=./loader
  "$@" "$program" "${kind%-*}" "$rounds" "$argument" || die "$gate $kind"
  case $argument in
    */*) argument=1 ;;
  esac
  echo "measured $gate $kind $rounds $argument"
}

measure_bpf() { measure "$1" bpf "$bpf_rounds" "$bpf_calls" "${@:2}"; }

measure_execs() {
  local i
  for i in 1 2 3 4 5 6; do
    measure "$1" exec "$exec_rounds" ./nothing
    measure "$1" spawn "$exec_rounds" ./nothing
    measure "$1" exec-dynamic "$exec_rounds" /bin/true
  done
}

# What loading and unloading leave to kernel threads must be over.
settle() { sleep 5; }

make_key loaders
make_key libraries
use_signed_bpfgate
cp "$(command -v bench-marked)" loader
sign_as loaders loader loader
seal loader
cp "$(command -v bench-marked)" ordinary
cp "$(command -v bench-nothing)" nothing
write_manifest enforce.json enforce 1
write_manifest audit.json audit 1
# Of few and of many signers and digests, the ones that are asked about come last.
mkdir -p "$keys/many"
many-signers "$keys/many" 996 || die "many-signers"
cp "$(command -v bench-nothing)" listed
seal listed
cp "$(command -v bench-nothing)" signed
echo signed >>signed # another digest: the other one is listed
sign_as loaders loader signed
seal signed
python3 - "$(bpfgate digest listed | cut -d' ' -f1)" <<'PYTHON' || die "manifests"
import json, sys

base = json.load(open("enforce.json"))
for name, sequence, signers, digests in (("ten", 2, 10, 10), ("many", 3, 999, 100000)):
    loaders, admins, libraries = (next(s for s in base["signers"] if s["name"] == n) for n in ("loaders", "admins", "libraries"))
    others = [{**loaders, "name": f"s{n}", "certificate": f"keys/many/s{n}.pem"} for n in range(signers - 3)]
    listed = [f"sha256:{n:064x}" for n in range(digests - 1)] + [sys.argv[1]]
    policy = {**base, "sequence": sequence, "signers": [admins, libraries] + others + [loaders],
              "digests": [{"kind": "fsverity", "digest": digest, "grant": "full"} for digest in listed]}
    json.dump(policy, open(name + ".json", "w"))
PYTHON
for name in ten many; do
  printf '#!/bin/bash\nexec bpfgate gate update --manifest %s.json\n' $name >update-$name
  chmod +x update-$name
done

openssl x509 -in "$keys/loaders.pem" -outform DER -out loaders.der || die "loaders.der"
keyring=$(keyctl newring reference @u) && keyctl padd asymmetric '' "$keyring" <loaders.der >/dev/null || die "keyring"

# What the kernel has for itself, of the kinds that maps and programs are made of, in KiB. Free memory says nothing: it varies by ten times as
# much.
kernel_memory() {
  sync
  echo 3 >/proc/sys/vm/drop_caches
  awk '$1 ~ /^(SUnreclaim|VmallocUsed|Percpu):$/ { sum += $2 } END { print sum }' /proc/meminfo
}
# The pages of the ring with the events are in none of that; they are in what a process has that reads it. Auditing, a gate
# lets its maps be seen.
load_gate audit.json >/dev/null
bpftool -j map list | python3 -c 'import json, sys
print("ring", *(map["max_entries"] // 1024 for map in json.load(sys.stdin) if map["type"] == "ringbuf"))' || die "bpftool"
bpfgate gate unload >/dev/null || die "gate unload"
settle
for ((i = 0; i < 5; i++)); do
  before=$(kernel_memory)
  load_gate enforce.json >/dev/null
  settle
  echo "memory $(($(kernel_memory) - before))"
  bpfgate gate unload >/dev/null || die "gate unload"
  settle
done

for ((i = 0; i < repetitions; i++)); do
  measure_bpf none
  measure_execs none
  measure_bpf empty bench-under /opt/bpfgate/bench/bench-floor.bpf.o empty 0
  measure_bpf empty-sleepable bench-under /opt/bpfgate/bench/bench-floor.bpf.o empty_sleepable 0
  load_gate enforce.json >/dev/null
  settle
  measure_bpf gate
  measure_execs gate
  for name in ten many; do
    measure $name exec-update 1 ./update-$name
    settle
    measure_bpf $name
    for ((j = 0; j < 6; j++)); do
      measure $name exec "$exec_rounds" ./nothing
      measure $name exec-listed "$exec_rounds" ./listed
      measure $name judge "$exec_rounds" ./signed
    done
  done
  bpfgate gate unload >/dev/null || die "gate unload"
  settle
done
measure reference bpf 5 "$reference_calls" bench-under /opt/bpfgate/bench/bench-reference.bpf.o reference "$keyring"
