#!/bin/bash
# SPDX-License-Identifier: MIT
# What grants allow, field by field: each refusal beside a call that goes through. Then thousands of random calls under random
# policies, of which a plain interpreter of the manifest knows the answers.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
cd "$work" || exit 2
make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
signed_copy "$(command -v oracle)" oracle
cp "$(command -v oracle)" unsigned

# Before 6.18 the verifier refuses it.
./unsigned write-registers
registers=$?
[ $registers = 0 ] || [ $registers = 3 ] || die "write-registers: $registers"

sequence=0
# under GRANT [DEFAULT]: the policy from here on, with one grant "it" of these rules, and another for processes without a mark.
under() {
  sequence=$((sequence + 1))
  cat >policy.json <<JSON
{"bpfgate": 1, "name": "test", "sequence": $sequence, "mode": "enforce",
 "signers": [
   {"name": "loaders", "role": "loader", "certificate": "$keys/loaders.pem", "grant": ["it", "also"]},
   {"name": "admins", "role": "loader", "certificate": "$keys/admins.pem", "grant": "admin"},
   {"name": "libraries", "role": "library", "certificate": "$keys/libraries.pem"}],
 "grants": {"it": {$1}, "also": {${3:-\"commands\": []}}, "everybody": {${2:-\"commands\": []}}},
 "default": {"grant": "everybody"}}
JSON
  if [ $sequence = 1 ]; then load_gate policy.json 2>/dev/null; else update_gate policy.json 2>warnings; fi
  events >/dev/null
}
may() { expect_status 0 "$1: allowed" ./oracle call "${@:2}"; }
may_not() { expect_status 1 "$1: denied" ./oracle call "${@:2}"; }
because() { # REASON WHAT
  events | tail -1 >event
  grep -q "$1" event && pass "the event says why: $1" || fail "no $1 in: $(cat event)"
}
# Without the gate all of this is allowed.
load() { echo prog_load "program_type=$1" "${@:2}"; }
for call in "map_create map_type=hash" "$(load kprobe helper=probe_write_user)" "$(load lsm attach_type=lsm_mac hook=file_open)" \
  "link_create attach_type=xdp" "prog_attach attach_type=cgroup_device" raw_tracepoint_open "btf_load uid=1000 gid=1000" \
  "btf_load cgroup=/one/two" "btf_load network=other"; do
  # shellcheck disable=SC2086 # words
  expect_status 0 "baseline: $call" ./unsigned call $call
done

under '"commands": ["map_create", "btf_load"]'
may "a command that is listed" map_create map_type=hash
may_not "a command that is not listed" prog_load program_type=kprobe
because command-not-granted
expect_status 1 "a command that is listed, by a program without evidence: denied" ./unsigned call btf_load
because 'not-sealed btf_load'

under '"commands": "any", "program_types": ["kprobe", "xdp"]'
may "a program type that is listed" prog_load program_type=kprobe
may "a call that is about no program" map_create map_type=hash
may_not "a program type that is not listed" prog_load program_type=socket_filter
because 'program-type-not-granted prog_load socket_filter'

under '"commands": "any", "map_types": ["hash"]'
may "a map type that is listed" map_create map_type=hash
may "a call that is about no map" prog_load program_type=kprobe
may_not "a map type that is not listed" map_create map_type=array
because 'map-type-not-granted map_create array'

under '"commands": "any", "attach_types": ["lsm_mac", "cgroup_inet_egress"]'
may "loading for an attach type that is listed" prog_load program_type=lsm attach_type=lsm_mac hook=file_open
may "attaching by a type that is listed" link_create attach_type=lsm_mac
may "loading a program that has no attach type" prog_load program_type=kprobe
may_not "loading for an attach type that is not listed" prog_load program_type=tracing attach_type=trace_fentry function=vfs_read
because 'attach-type-not-granted prog_load tracing trace_fentry'
may_not "a link of a type that is not listed" link_create attach_type=xdp
may_not "attaching by a type that is not listed" prog_attach attach_type=cgroup_inet_ingress
may_not "a raw tracepoint by name" raw_tracepoint_open attach_type=trace_raw_tp
may_not "an attach type that no kernel has" link_create attach_number=0xffffffff
may_not "a program that replaces another's function" prog_load program_type=ext
may_not "the attach type 0, where it is one" prog_load program_type=cgroup_skb attach_type=cgroup_inet_ingress

under '"commands": "any", "helpers": {"deny": ["probe_write_user"], "deny_kfuncs": ["bpf_task_from_pid"]}'
may "a helper that is not denied" prog_load program_type=kprobe helper=probe_read_kernel
may "a kfunc that is not denied" prog_load program_type=tracing attach_type=trace_raw_tp tracepoint=sched_switch kfunc=bpf_task_release
may_not "a helper that is denied" prog_load program_type=kprobe helper=probe_read_kernel helper=probe_write_user
because 'helper-not-granted prog_load kprobe probe_write_user'
may_not "a kfunc that is denied" prog_load program_type=kprobe kfunc=bpf_task_release kfunc=bpf_task_from_pid
because 'kfunc-not-granted prog_load kprobe bpf_task_from_pid'
may_not "a module's kfunc under a rule" prog_load program_type=kprobe module=1
# What libbpf puts in the place of a call that the kernel has not, and never reaches.
may "a number that is no helper's" prog_load program_type=kprobe helper_number=195896080
# Behind more instructions than are read at once.
many=()
for ((i = 0; i < 100; i++)); do many+=(helper=probe_read_kernel); done
may "a hundred helpers" prog_load program_type=kprobe "${many[@]}"
may_not "a helper that is denied, far down" prog_load program_type=kprobe "${many[@]}" helper=probe_write_user

under '"commands": "any", "helpers": "read-only"'
may "read-only: a helper that looks" prog_load program_type=kprobe helper=probe_read_kernel helper=ringbuf_output
may "read-only: a kfunc that looks" prog_load program_type=kprobe kfunc=bpf_task_from_pid
for helper in probe_write_user override_return send_signal redirect skb_store_bytes tail_call; do
  may_not "read-only: the helper $helper" prog_load program_type=kprobe helper=$helper
done
may_not "read-only: a kfunc that writes" prog_load program_type=kprobe kfunc=bpf_dynptr_slice_rdwr

under '"commands": "any", "helpers": {"allow": ["probe_write_user"], "allow_kfuncs": ["bpf_task_release"]}'
may "only listed: a helper that is" prog_load program_type=kprobe helper=probe_write_user
may "only listed: a kfunc that is" prog_load program_type=tracing attach_type=trace_raw_tp tracepoint=sched_switch kfunc=bpf_task_release
may "only listed: a program that calls nothing" prog_load program_type=kprobe
may_not "only listed: a helper that looks, and is not" prog_load program_type=kprobe helper=probe_write_user helper=probe_read_kernel
because 'helper-not-granted prog_load kprobe probe_read_kernel'
may_not "only listed: a kfunc that looks, and is not" prog_load program_type=kprobe kfunc=bpf_task_from_pid
because 'kfunc-not-granted prog_load kprobe bpf_task_from_pid'
under '"commands": "any", "helpers": {"class": "read-only", "allow": ["probe_write_user"]}'
may "the class and one more: that one, and one of the class" prog_load program_type=kprobe helper=probe_write_user helper=probe_read_kernel
may "the class and one more: a kfunc of the class" prog_load program_type=kprobe kfunc=bpf_task_from_pid
may_not "the class and one more: another" prog_load program_type=kprobe helper=override_return

under '"commands": "any", "helpers": {"deny_kfuncs": ["bpf_obj_drop"]}'
may_not "a kfunc that is denied by its other name" prog_load program_type=kprobe kfunc=bpf_obj_drop_impl
under '"commands": "any", "helpers": {"allow_kfuncs": ["bpf_obj_drop"]}'
may "a kfunc that is allowed by its other name" prog_load program_type=kprobe kfunc=bpf_obj_drop_impl

under '"commands": "any", "attach_to": {"functions": ["vfs_*"], "tracepoints": ["sched_switch"], "lsm_hooks": ["file_open"]}'
may "a function that is matched" prog_load program_type=tracing attach_type=trace_fentry function=vfs_read
may "a tracepoint that is listed" prog_load program_type=tracing attach_type=trace_raw_tp tracepoint=sched_switch
may "a hook that is listed" prog_load program_type=lsm attach_type=lsm_mac hook=file_open
may_not "a function that is not matched" prog_load program_type=tracing attach_type=trace_fentry function=tcp_connect
because 'target-not-granted prog_load tracing trace_fentry tcp_connect'
may_not "a tracepoint that is not listed" prog_load program_type=tracing attach_type=trace_raw_tp tracepoint=sys_enter
may_not "a hook that is not listed" prog_load program_type=lsm attach_type=lsm_mac hook=socket_connect
may_not "a program that does not say to what" prog_load program_type=kprobe
under '"commands": "any", "attach_to": {"functions": ["*"]}'
may "any function" prog_load program_type=tracing attach_type=trace_fentry function=vfs_read
may_not "hooks are no functions" prog_load program_type=lsm attach_type=lsm_mac hook=file_open

# One policy is for hosts with different kernels: a name that this one lacks is a warning, and the policy is in force; a name
# that nobody knows is an error. What this kernel has, its own BTF tells. Each line is a name, its place, and the word in BTF.
# All program types that have a name are older than the oldest kernel here: none may be warned about.
names_of_kernels=(
  "map_create commands BPF_MAP_CREATE"
  "prog_stream_read_by_fd commands BPF_PROG_STREAM_READ_BY_FD"
  "prog_assoc_struct_ops commands BPF_PROG_ASSOC_STRUCT_OPS"
  "xdp program_types BPF_PROG_TYPE_XDP"
  "netfilter program_types BPF_PROG_TYPE_NETFILTER"
  "arena map_types BPF_MAP_TYPE_ARENA"
  "insn_array map_types BPF_MAP_TYPE_INSN_ARRAY"
  "rhash map_types BPF_MAP_TYPE_RHASH"
  "trace_kprobe_session attach_types BPF_TRACE_KPROBE_SESSION"
  "trace_uprobe_session attach_types BPF_TRACE_UPROBE_SESSION"
  "trace_fsession attach_types BPF_TRACE_FSESSION"
  "trace_fsession_multi attach_types BPF_TRACE_FSESSION_MULTI"
  "bpf_task_from_pid helpers/deny_kfuncs bpf_task_from_pid"
  "bpf_real_data_inode helpers/deny_kfuncs bpf_real_data_inode"
  "bpf_task_from_pid helpers/allow_kfuncs bpf_task_from_pid"
  "bpf_real_data_inode helpers/allow_kfuncs bpf_real_data_inode"
  "vfs_read attach_to/functions vfs_read"
  "no_such_function_* attach_to/functions no_such_function_*"
  "sched_switch attach_to/tracepoints btf_trace_sched_switch"
  "cap_capable attach_to/tracepoints btf_trace_cap_capable"
  "file_open attach_to/lsm_hooks bpf_lsm_file_open"
  "uring_allowed attach_to/lsm_hooks bpf_lsm_uring_allowed"
)
declare -A sentence=(
  [commands]="this kernel has no command" [program_types]="this kernel has no program type"
  [map_types]="this kernel has no map type" [attach_types]="this kernel has no attach type"
  [helpers/deny_kfuncs]="this kernel has no function" [helpers/allow_kfuncs]="this kernel has no function"
  [attach_to/functions]="nothing in this kernel is called"
  [attach_to/tracepoints]="nothing in this kernel is called" [attach_to/lsm_hooks]="nothing in this kernel is called"
)
# all_at PLACE: the names there, as a list in JSON.
all_at() {
  local entry name place list=''
  for entry in "${names_of_kernels[@]}"; do
    read -r name place _ <<<"$entry"
    [ "$place" = "$1" ] && list+="\"$name\", "
  done
  echo "[${list%, }]"
}
under "\"commands\": $(all_at commands), \"program_types\": $(all_at program_types), \"map_types\": $(all_at map_types),
  \"attach_types\": $(all_at attach_types),
  \"helpers\": {\"deny_kfuncs\": $(all_at helpers/deny_kfuncs), \"allow_kfuncs\": $(all_at helpers/allow_kfuncs)},
  \"attach_to\": {\"functions\": $(all_at attach_to/functions), \"tracepoints\": $(all_at attach_to/tracepoints),
    \"lsm_hooks\": $(all_at attach_to/lsm_hooks)}"
lacking=()
for entry in "${names_of_kernels[@]}"; do
  read -r name place word <<<"$entry"
  grep -qzxF "$word" /sys/kernel/btf/vmlinux && wanted=0 || wanted=1
  [ $wanted = 1 ] && lacking+=("$place")
  [ "$(grep -cFx "bpfgate: warning: /grants/it/$place: ${sentence[$place]} $name" warnings)" = $wanted ] &&
    pass "warnings of $name at $place: $wanted" || fail "warnings of $name at $place are not $wanted: $(cat warnings)"
done
[ "$(grep -c 'warning: ' warnings)" = ${#lacking[@]} ] && pass "no other warning" || fail "other warnings: $(cat warnings)"
may "what it has of a list with names it lacks" map_create map_type=arena
# 6.12 lacks one of each kind but program types, or this would show nothing there.
case $(uname -r) in
  6.12.*)
    for place in commands map_types attach_types helpers/{allow,deny}_kfuncs attach_to/{functions,tracepoints,lsm_hooks}; do
      [[ " ${lacking[*]} " = *" $place "* ]] && pass "6.12 lacks a name at $place" || fail "6.12 lacks nothing at $place"
    done
    ;;
esac
# unknown_name GRANT SAYS: the policy is refused, and the one before stays.
unknown_name() {
  python3 - "$1" <<'PYTHON'
import json, sys

policy = json.load(open("policy.json"))
policy["sequence"] += 1
policy["grants"]["it"] = json.loads("{" + sys.argv[1] + "}")
json.dump(policy, open("unknown.json", "w"))
PYTHON
  expect_status 1 "refused: $2" bpfgate gate update --manifest unknown.json
  grep -q "$2" output && pass "the error says: $2" || fail "it does not say \"$2\": $(cat output)"
}
unknown_name '"commands": ["prog_read_stream"]' 'no command is named "prog_read_stream"'
unknown_name '"commands": "any", "program_types": ["kprobes"]' 'no program type is named "kprobes"'
unknown_name '"commands": "any", "map_types": ["hashes"]' 'no map type is named "hashes"'
unknown_name '"commands": "any", "attach_types": ["trace_fentries"]' 'no attach type is named "trace_fentries"'
unknown_name '"commands": "any", "helpers": {"deny": ["probe_write"]}' 'no helper is named "probe_write"'
may "the policy before is still in force" map_create map_type=arena
may_not "with what it does not list" map_create map_type=hash

under '"commands": "any", "when": {"uids": [1000], "gids": [7, 8]}'
may "user and group as asked" btf_load uid=1000 gid=8
may "a supplementary group" btf_load uid=1000 gid=1 gid=2 gid=7
may_not "another user" btf_load uid=1001 gid=8
because condition-not-met
may_not "another group" btf_load uid=1000 gid=9 gid=10
under '"commands": "any", "when": {"cgroups": ["/one/two", "/other"]}'
may "the cgroup itself" btf_load cgroup=/one/two
may "a cgroup below" btf_load cgroup=/one/two/three/four
may "the second that is named" btf_load cgroup=/other
may_not "the cgroup above" btf_load cgroup=/one
may_not "a cgroup whose name begins the same" btf_load cgroup=/one/twofold
may_not "the root" btf_load
under '"commands": "any", "when": {"network_namespace": "initial", "user_namespace": "initial"}'
may "the host's namespaces" btf_load
may_not "another network namespace" btf_load network=other
# In another user namespace the kernel itself refuses most of bpf(2); that there is an event tells who did.
events >/dev/null
may_not "another user namespace" btf_load users=other
because 'condition-not-met btf_load'

# What no grant allows, because it would change the code of others where no hook sees it.
under '"commands": "any"'
[ $registers = 3 ] || registers=1
expect_status $registers "registers of a process cannot be written" ./oracle write-registers

# Of several grants one must allow all of it.
under '"commands": ["map_create"], "map_types": ["hash"]' '' '"commands": ["map_create", "prog_load"], "map_types": ["array"]'
may "what the first of two grants allows" map_create map_type=hash
may "what the second of two grants allows" map_create map_type=array
may_not "what neither of two grants allows" map_create map_type=lpm_trie
may_not "a command of one grant with a type of another" link_create attach_type=xdp

# Everybody's grant is for those without a mark, too.
under '"commands": []' '"commands": "any", "program_types": ["socket_filter"]'
expect_status 0 "unmarked: a program type that everybody may load: allowed" ./unsigned call prog_load program_type=socket_filter
expect_status 1 "unmarked: another program type: denied" ./unsigned call prog_load program_type=kprobe
because program-type-not-granted
may "marked: what everybody may" prog_load program_type=socket_filter

# A debug user who may only look: Debian's own bpftrace.
signed_copy "$(command -v bpftrace)" bpftrace
under '"commands": "any", "helpers": "read-only", "debug": true'
BPFTRACE_MAX_STRLEN=64 expect_output '^seen$' "read-only: bpftrace looks" timeout 120 ./bpftrace -q -e 'BEGIN { printf("seen\n"); exit(); }'
# It tries what the kernel has, and finds that this helper is not to be had.
expect_output 'send_signal not available' "read-only: bpftrace may not send signals" \
  timeout 120 ./bpftrace --unsafe -q -e 'kprobe:vfs_read { signal("KILL"); }'
because 'helper-not-granted'

# --- Random policies, callers and calls.
rounds=${ORACLE_ROUNDS:-22} calls=250 wrong=0 compared=0 strangers_wrong=0 reported=0
seed=${ORACLE_SEED:-$((RANDOM * 32768 + RANDOM))}
echo "seed $seed"
for ((round = 0; round < rounds; round++)); do
  sequence=$((sequence + 1))
  ./unsigned manifest $((seed + round)) $sequence "$keys" >random.json || die "oracle manifest"
  bpfgate gate update --manifest random.json 2>/dev/null || die "update of round $round"
  for kind in marked unmarked; do
    program=./oracle
    [ $kind = marked ] || program=./unsigned
    : >expected
    chmod 666 expected
    $program compare random.json $((seed + round)) $calls $kind expected >compared 2>&1
    status=$?
    # Callers in other user namespaces are held to the gate's events: EPERM alone could be the kernel's own.
    bpfgate events --json >events.json
    if ! ./unsigned agree expected events.json >agreed 2>&1; then
      strangers_wrong=$((strangers_wrong + 1))
      echo "round $round, $kind: in another user namespace:"
      head -c 3000 agreed
    fi
    reported=$((reported + $(sed -n 's/ refusals reported$//p' agreed)))
    compared=$((compared + $(awk '/calls, / { sum += $1 } END { print sum + 0 }' compared)))
    [ $status = 0 ] && continue
    wrong=$((wrong + 1))
    echo "round $round, $kind, status $status:"
    grep -v ' calls, ' compared | head -20
  done
done
[ $compared -ge 10000 ] && pass "$compared random calls compared" || fail "only $compared random calls compared"
[ $wrong = 0 ] && pass "the kernel decides as the interpreter of the manifest does" || fail "$wrong rounds differ"
[ $reported -ge 100 ] && pass "$reported refusals in other user namespaces" || fail "only $reported refusals in other user namespaces"
[ $strangers_wrong = 0 ] && pass "in other user namespaces it decides as the interpreter does, too" || fail "$strangers_wrong rounds differ"
finish
