#!/bin/bash
# SPDX-License-Identifier: MIT
# The ready manifests, in force as they ship: beside each of them the certificates of one's own, under the names it gives, and
# where it only audits a drop-in that enforces. With the real programs that each is for where a guest has them: systemd as
# process 1, bpftrace, bpftool and bpfgate. For cilium and the container runtime stands a program that makes single calls.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
# shellcheck source=../lib/units.sh
. /opt/bpfgate/lib/units.sh
cd "$work" || exit 2
manifests=/opt/bpfgate/manifests
pin=/sys/fs/bpf/readable

# One key for what is the same in several manifests.
for key in libraries managers tracers tools agents runtimes agent-libraries policy strangers; do make_key $key; done
use_signed_bpfgate
bpftool=$(readlink -f "$(command -v bpftool)")
bpftrace=$(readlink -f "$(command -v bpftrace)")
for name in bpftool bpftrace; do
  cp "${!name}" unsigned-$name
  cp "${!name}" sealed-$name
  seal sealed-$name
done
# As a distribution would: all libraries, because process 1 and its executor load some only when a unit asks for what those do.
unsealed_libraries() {
  find /usr/lib/x86_64-linux-gnu /usr/lib/systemd -name '*.so*' -type f |
    while read -r library; do fsverity measure "$library" >/dev/null 2>&1 || echo "$library"; done
}
mapfile -t libraries < <(unsealed_libraries)
sign_as libraries library "${libraries[@]}"
sign_as managers loader /usr/lib/systemd/systemd /usr/lib/systemd/systemd-executor
sign_as tracers loader "$bpftrace"
sign_as tools loader "$bpftool"
seal "${libraries[@]}" /usr/lib/systemd/systemd /usr/lib/systemd/systemd-executor "$bpftrace" "$bpftool"
cp "$(command -v oracle)" unsigned-oracle
for key in managers tracers agents runtimes; do signed_copy "$(command -v oracle)" oracle-of-$key $key; done
sign_libraries_of "$(command -v witness)"
preload=$(command -v preload.so)

# put MANIFEST CERTIFICATE=KEY...: as the host's own policy, to the letter.
put() {
  local pair
  rm -rf /etc/bpfgate
  mkdir -p /etc/bpfgate/manifest.d
  cp "$manifests/$1.json" /etc/bpfgate/manifest.json
  for pair in "${@:2}"; do cp "$keys/${pair#*=}.pem" "/etc/bpfgate/${pair%=*}.pem"; done
  expect_output "$1, sequence 1, mode" "$1: all certificates that it names are there" bpfgate manifest check --host
}
# What the running kernel lacks is a warning: on 6.12 some ways to attach that tracers are granted, and a function that is denied.
load_installed() {
  bpfgate gate load 2>warnings || die "gate load: $(cat warnings)"
  grep -v 'this kernel has no attach type trace_[a-z_]*session$\|this kernel has no function bpf_send_signal_task$' warnings |
    grep 'warning:' && fail "warnings: $(cat warnings)"
  bpfgate events >/dev/null
}
enforce() {
  echo '{"mode": "enforce", "sequence": 2}' >/etc/bpfgate/manifest.d/90-enforce.json
  bpfgate gate update 2>warnings || die "gate update: $(cat warnings)"
  expect_output 'mode.*enforce' "$1: enforced by a drop-in" bpfgate gate status
  bpfgate events >/dev/null
}
unload() { bpfgate gate unload || die "gate unload"; }
may() { expect_status 0 "$1: allowed" "${@:2}"; }
may_not() { expect_status 1 "$1: denied" "${@:2}"; }
# because PATTERN: of the refusals since this was asked last.
because() {
  bpfgate events >event
  grep -Eq "$1" event && pass "the event says why: $1" || fail "no $1 in: $(cat event)"
}
holds() { # NAME EXPRESSION FILE...: of the JSON in these files, as a list `o`
  if python3 -c 'import json, sys
o = [json.load(open(name)) for name in sys.argv[2:]]
sys.exit(0 if eval(sys.argv[1]) else 1)' "${@:2}"; then pass "$1"; else fail "$1: not so: $2 of $(head -c 3000 "$3")"; fi
}

# --- developer-audit: everything is reported, and nothing refused.
says() { tool timeout 240 "$1" -d libbpf -e "$2"' { printf("it runs\n"); exit(); }' && grep -q 'it runs' tool.out; }
one_liner() { says "$1" interval:ms:10; }
make_map() { tool "$1" map create $pin type array key 4 value 4 entries 1 name made && rm $pin; }
put developer-audit bpfgate=admins libraries=libraries
load_installed
may "developer-audit: bpftool lists" "$bpftool" prog list
may "developer-audit: an unsigned bpftool makes a map" make_map ./unsigned-bpftool
bpfgate events --json >audited.1
may "developer-audit: an unsigned bpftrace" one_liner ./unsigned-bpftrace
bpfgate events --json >audited.2
may "developer-audit: an unsigned program loads xdp" ./unsigned-oracle call prog_load program_type=xdp
may "developer-audit: bpfgate" bpfgate gate status
bpfgate events --json >audited.3
holds "developer-audit: nothing is refused, and all that is reported would be" \
  '{e["kind"] for f in o for e in f["events"]} == {"would-refuse"}' audited.[123]
holds "developer-audit: it is reported of each of them, and not of bpfgate" \
  '{e["comm"] for f in o for e in f["events"]} == {"bpftool", "unsigned-bpftoo", "unsigned-bpftra", "unsigned-oracle"}' \
  audited.[123]
unload

# --- cilium-node.
put cilium-node bpfgate=admins node-systemd=managers node-runtime=runtimes cilium-agent=agents node-libraries=libraries \
  cilium-libraries=agent-libraries cluster-policy=policy
load_installed
may "cilium-node: auditing, the agent loads a tracer" ./oracle-of-agents call prog_load program_type=kprobe
because 'would-refuse program-type-not-granted prog_load kprobe'
enforce cilium-node
for type in sched_cls xdp cgroup_sock_addr sock_ops; do
  may "cilium-node: the agent loads $type" ./oracle-of-agents call prog_load program_type=$type
done
may "cilium-node: the agent attaches by tcx" ./oracle-of-agents call link_create attach_type=tcx_ingress
may "cilium-node: the agent makes a map" ./oracle-of-agents call map_create map_type=lpm_trie
may_not "cilium-node: the agent loads a tracer" ./oracle-of-agents call prog_load program_type=kprobe
because 'refused program-type-not-granted prog_load kprobe'
may_not "cilium-node: the agent from a pod's network" ./oracle-of-agents call prog_load program_type=xdp network=other
because 'refused condition-not-met prog_load xdp'
may_not "cilium-node: the agent sends signals" ./oracle-of-agents call prog_load program_type=sched_cls helper=send_signal
because 'refused helper-not-granted prog_load sched_cls send_signal'
may "cilium-node: the runtime's device filter" ./oracle-of-runtimes call prog_load program_type=cgroup_device
may "cilium-node: the runtime attaches it" ./oracle-of-runtimes call prog_attach attach_type=cgroup_device
may_not "cilium-node: the runtime filters packets" ./oracle-of-runtimes call prog_load program_type=cgroup_skb
may_not "cilium-node: the runtime makes a map" ./oracle-of-runtimes call map_create map_type=hash
because 'refused command-not-granted map_create'
may "cilium-node: systemd's device filter" ./oracle-of-managers call prog_load program_type=cgroup_device
may "cilium-node: systemd's map for a unit with a network of its own" \
  ./oracle-of-managers call map_create map_type=hash network=other
may_not "cilium-node: systemd's device filter in such a network" \
  ./oracle-of-managers call prog_load program_type=cgroup_device network=other
because 'refused condition-not-met prog_load cgroup_device'
may_not "cilium-node: systemd loads xdp" ./oracle-of-managers call prog_load program_type=xdp
may_not "cilium-node: an unsigned agent" ./unsigned-oracle call prog_load program_type=xdp
because 'refused not-sealed prog_load'
# The agent's own image has libraries of another signer.
for kind in agent-libraries strangers; do
  cp "$preload" library-of-$kind.so
  sign_as $kind library library-of-$kind.so
  seal library-of-$kind.so
done
signed_copy "$(command -v witness)" witness-of-agents agents
may "cilium-node: the agent maps a library of cilium's" ./witness-of-agents map-file library-of-agent-libraries.so
may_not "cilium-node: the agent maps a stranger's library" ./witness-of-agents map-file library-of-strangers.so
because 'tainted taint-file'
unload

# --- immutable-image: what the builder has signed, on a volume; and a volume that the manifest lists beside.
for module in dm_verity loop ext4; do modprobe $module || die "modprobe $module"; done
mkdir -p image.d image
truncate -s 64M image.img
mkfs.ext4 -q -b 4096 -O verity,^has_journal image.img && mount -o loop image.img image.d || die "an image to build in"
signed_copy "$(command -v oracle)" image.d/manager managers
signed_copy "$(command -v oracle)" image.d/stranger strangers
cp "$(command -v oracle)" image.d/unsigned
cp "$(command -v witness)" image.d/monitor
cp "$preload" image.d/library.so
inode=$(stat -c %i image.d/monitor)
umount image.d || die "umount"
veritysetup format image.img image.hash --root-hash-file image.root >format.log || die "veritysetup format"
veritysetup open image.img image image.hash "$(cat image.root)" && mount -o ro /dev/mapper/image image || die "the finished image"
put immutable-image bpfgate=admins image-systemd=managers image-libraries=libraries image-policy=policy
load_installed
expect_output 'mode.*enforce' "immutable-image: it enforces as it is" bpfgate gate status
may "immutable-image: signed in the image" image/manager call prog_load program_type=cgroup_device
may "immutable-image: an LSM program" image/manager call prog_load program_type=lsm attach_type=lsm_mac hook=file_open
may_not "immutable-image: a tracer" image/manager call prog_load program_type=tracing attach_type=trace_fentry function=vfs_read
because 'refused program-type-not-granted prog_load tracing'
may_not "immutable-image: listing" image/manager call prog_get_next_id
may_not "immutable-image: signed by a stranger" image/stranger call prog_load program_type=cgroup_device
because 'refused signature-untrusted prog_load'
may_not "immutable-image: neither sealed nor signed, on a volume that is not listed" \
  image/unsigned call prog_load program_type=cgroup_device
because 'refused not-sealed prog_load cgroup_device'
may_not "immutable-image: a monitor that is not listed" image/monitor call
may_not "immutable-image: Debian's bpftool, whose signer is no signer here" tool "$bpftool" prog list
python3 - "$(cat image.root)" "$inode" <<'PYTHON'
import json, sys

file = "/etc/bpfgate/manifest.json"
policy = json.load(open(file))
policy["sequence"] = 2
policy["volumes"] = [{"name": "image", "root_hash": "sha256:" + sys.argv[1],
                      "loaders": [{"path": "/monitor", "inode": int(sys.argv[2]), "grant": "inspect"}]}]
json.dump(policy, open(file, "w"))
PYTHON
bpfgate gate update || die "gate update with a volume"
bpfgate events >/dev/null
may "immutable-image: with its volume: the monitor it names" image/monitor call
may "immutable-image: with its volume: that maps a library of the image" image/monitor map-file image/library.so
may_not "immutable-image: with its volume: that maps a library from elsewhere" image/monitor map-file library-of-strangers.so
may_not "immutable-image: with its volume: the monitor makes a map" image/monitor create-map
may_not "immutable-image: with its volume: a file it does not name" image/unsigned call prog_load program_type=cgroup_device
because 'refused not-a-loader prog_load cgroup_device'
may "immutable-image: with its volume: signed in the image" image/manager call prog_load program_type=cgroup_device
unload

# --- debian-host: the programs themselves. What needs no tracer first, in both worlds.
cp "$bpftool" stranger-bpftool
sign_as strangers loader stranger-bpftool
seal stranger-bpftool
"$bpftool" map create $pin type array key 4 value 4 entries 1 name readable || die "a map to read"
counts() { tool timeout 240 "$1" -d libbpf -e "$2"' { @[comm] = count(); } interval:ms:300 { exit(); }'; }
pins_again() { tool "$1" map pin pinned $pin $pin-again && rm $pin-again; }
makes_map() { tool "$1" map create $pin-made type array key 4 value 4 entries 1 name made && rm $pin-made; }
for kind in prog map link; do check "bpftool lists: $kind" allowed tool "$bpftool" $kind list; done
check "bpftool reads a pinned map" allowed tool "$bpftool" map dump pinned $pin
check "bpftool writes a map" denied tool "$bpftool" map update pinned $pin key 0 0 0 0 value 1 0 0 0
check "bpftool makes a map" denied makes_map "$bpftool"
check "bpftool pins" denied pins_again "$bpftool"
check "bpftrace: a one-liner" allowed one_liner "$bpftrace"
check "bpftrace: BEGIN" allowed says "$bpftrace" BEGIN
check "bpftrace: a kprobe and a map" allowed counts "$bpftrace" kprobe:do_nanosleep
check "bpftrace: a tracepoint" allowed counts "$bpftrace" tracepoint:sched:sched_switch
check "bpftrace: fentry" allowed counts "$bpftrace" kfunc:vfs_read
check "bpftool, unsigned copy" denied tool ./unsigned-bpftool prog list
check "bpftool, sealed and not signed" denied tool ./sealed-bpftool prog list
check "bpftool, signed by a stranger" denied tool ./stranger-bpftool prog list
check "bpftrace, unsigned copy" denied one_liner ./unsigned-bpftrace
check "bpftrace, sealed and not signed" denied one_liner ./sealed-bpftrace
tracer() { check "a tracer: $1" "$2" ./oracle-of-tracers call "${@:3}"; }
tracer "a helper that looks" allowed prog_load program_type=kprobe helper=probe_read_kernel
tracer "listing" allowed prog_get_next_id
tracer "a helper that writes" denied prog_load program_type=kprobe helper=probe_write_user
tracer "packets" denied prog_load program_type=xdp
tracer "what changes what functions return" denied prog_load program_type=tracing attach_type=modify_return function=security_bpf
tracer "attaching to a cgroup" denied prog_attach attach_type=cgroup_device
manager() { check "systemd: $1" "$2" ./oracle-of-managers call "${@:3}"; }
manager "a device filter" allowed prog_load program_type=cgroup_device
manager "a tracer" denied prog_load program_type=kprobe
manager "a map for a unit with a network of its own" allowed map_create map_type=hash network=other
manager "a device filter in such a network" denied prog_load program_type=cgroup_device network=other
manager "listing" denied prog_get_next_id
manager "signals" denied prog_load program_type=cgroup_skb attach_type=cgroup_inet_egress helper=send_signal
run_checks baseline

make_units
# What the executor does for it is done in the service's own network.
unit private 'PrivateNetwork=yes\nRestrictFileSystems=~ramfs' "os.open('/run/marked/marker', os.O_RDONLY)"
systemctl daemon-reload || die "daemon-reload"
for name in "${units[@]}"; do
  expect_status 1 "baseline: $name: nothing but the unit forbids it" systemctl start "free-$name"
  expect_status 0 "baseline: $name: the unit forbids it" systemctl start "$name"
done

put debian-host bpfgate=admins distro-systemd=managers distro-tracers=tracers distro-bpftool=tools distro-libraries=libraries \
  site-policy=policy
load_installed
# Process 1 is older than the gate, and has its mark once it is started anew: while the gate still audits, as an operator would.
expect_status 0 "debian-host: auditing, the service manager re-executes itself" systemctl daemon-reexec
may "debian-host: auditing, an unsigned copy of bpftool" ./unsigned-bpftool prog list
because 'would-refuse not-sealed prog_get_next_id'
enforce debian-host
run_checks debian-host
# The events tell that it was this, and not the kernel.
bpfgate events >/dev/null
may_not "debian-host: bpftool makes a map, once more" makes_map "$bpftool"
because 'refused command-not-granted map_create .*comm=bpftool'
may_not "debian-host: an unsigned bpftool, once more" tool ./unsigned-bpftool prog list
because 'refused not-sealed prog_get_next_id'
may_not "debian-host: a sealed bpftool, once more" tool ./sealed-bpftool prog list
because 'refused no-signature prog_get_next_id'
may_not "debian-host: a stranger's bpftool, once more" tool ./stranger-bpftool prog list
because 'refused signature-untrusted prog_get_next_id'
may_not "debian-host: modify_return, once more" \
  ./oracle-of-tracers call prog_load program_type=tracing attach_type=modify_return function=security_bpf
because 'refused attach-type-not-granted prog_load tracing modify_return'
may_not "debian-host: systemd from another network" ./oracle-of-managers call prog_load program_type=cgroup_skb users=other
because 'refused condition-not-met prog_load cgroup_skb'
expect_output 'send_signal not available' "debian-host: bpftrace may not send signals" \
  timeout 240 "$bpftrace" --unsafe -q -e 'kprobe:vfs_read { signal("KILL"); }'
because 'refused helper-not-granted'

expect_status 0 "debian-host: the service manager re-executes itself" systemctl daemon-reexec
for name in "${units[@]}"; do
  expect_status 0 "debian-host: $name: what a unit forbids its service cannot do" systemctl start "$name"
  expect_status 1 "debian-host: $name: without the unit's word it can" systemctl start "free-$name"
done
bpfgate events --json >systemd.json
# libbpf tries whether there are tokens, and by a program of a type that systemd has no use for what may be said of arguments.
holds "debian-host: nothing of that is refused but what libbpf tries, and nobody has lost a mark" \
  '[e for e in o[0]["events"] if not e["reason"].startswith("guarded-") and e["command"] != "token_create" and
    (e["command"], e["program_type"]) != ("prog_load", "kprobe")] == []' systemd.json
grep '"message"' systemd.json
expect_output ' proven' "debian-host: process 1 is proven" bpfgate explain --manifest /etc/bpfgate/manifest.json 1
finish
