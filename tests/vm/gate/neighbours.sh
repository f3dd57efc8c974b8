#!/bin/bash
# SPDX-License-Identifier: MIT
# Usage: neighbours.sh ORDER NEIGHBOUR... The gate beside other security modules, whom the kernel asks in this order. Whatever one of them
# refuses stays refused, and what it lets the gate judges: of each, four programs, without either, with each of the two, and with both.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
order=$1
shift
make_key loaders
make_key libraries
use_signed_bpfgate
explain_each_status
for directory in apparmor ipe selinux; do
  mkdir "$directory"
  for program in loader refused unsigned unsigned-refused mapper fresh keyless; do
    # What follows a program's end makes its digest another one.
    cp "$witness" original && echo "$program" >>original || die cp
    case $program in
      unsigned* | keyless) cp original "$directory/$program" ;;
      *) signed_copy original "$directory/$program" ;;
    esac
  done
  cp "$(command -v preload.so)" "$directory/library.so"
  seal "$directory/unsigned-refused" "$directory/library.so"
done
write_manifest enforce.json enforce 1
comes_first() { [[ $order = *"$1"*bpf* ]]; }

# What a program that it refuses is told, and what it records of one.
declare -A answers records

# --- AppArmor: two of the programs have a profile with no capabilities, and one that has them all may not map a library.
answers[apparmor]=1
records[apparmor]='apparmor="DENIED" operation="capable".*comm="refused".*capname="bpf"'
apparmor_prepare() {
  cat >apparmor.profile <<PROFILE
profile refusing $work/apparmor/{refused,unsigned-refused} {
  file,
}
profile allowing $work/apparmor/mapper {
  file,
  capability,
  deny $work/apparmor/library.so m,
}
PROFILE
}
apparmor_on() { apparmor_parser --skip-cache --replace apparmor.profile || die "apparmor_parser"; }
apparmor_off() {
  ! grep -q '^refusing ' /sys/kernel/security/apparmor/profiles || apparmor_parser --remove apparmor.profile || die "apparmor_parser"
}

# --- IPE: a policy, signed by a key that the firmware knows, refuses to execute two digests. It says so at exec.
answers[ipe]=126
records[ipe]='type=1420 .*enforcing=1 .*path=".*/ipe/refused"'
ipe_prepare() {
  local node=/sys/kernel/security/ipe file
  {
    echo 'policy_name=neighbours policy_version=0.0.1'
    echo 'DEFAULT action=ALLOW'
    for file in refused unsigned-refused library.so; do
      echo "op=EXECUTE fsverity_digest=$(fsverity measure "ipe/$file" | cut -d ' ' -f 1) action=DENY"
    done
  } >ipe.policy
  openssl smime -sign -binary -in ipe.policy -signer /opt/bpfgate/firmware/firmware.pem -inkey /opt/bpfgate/firmware/firmware.key \
    -noattr -nodetach -nosmimecap -outform der -out ipe.p7b || die "openssl smime"
  ipe_off
  cat ipe.p7b >$node/new_policy || die "IPE's policy: $(dmesg | tail -3)"
  echo 1 >$node/policies/neighbours/active || die "IPE's policy is not active: $(dmesg | tail -3)"
}
ipe_on() { echo 1 >/sys/kernel/security/ipe/enforce || die "IPE enforce"; }
ipe_off() { echo 0 >/sys/kernel/security/ipe/enforce || die "IPE enforce"; }

# --- SELinux: a policy that knows three classes and four domains. Everything else is allowed, by "handleunknown".
answers[selinux]=3
records[selinux]='avc:  denied  \{ prog_load \}.*comm="refused" scontext=u:r:refused_t .*permissive=0'
selinux_prepare() {
  local sid type sids=(kernel security unlabeled) keys='view read write search link setattr create'
  # By number, as the kernel has them (security/selinux/include/initial_sid_to_string.h); all with one context.
  for sid in {4..27}; do sids+=("sid$sid"); done
  {
    cat <<CIL
(handleunknown allow) (mls false) (sensitivity s) (sensitivityorder (s)) (category c) (categoryorder (c)) (sensitivitycategory s (c))
(level l (s)) (user u) (userlevel u l) (userrange u (l l)) (role r) (role object_r) (userrole u r)
(class process (transition dyntransition)) (class file (entrypoint)) (class key ($keys))
(class bpf (map_create map_read map_write prog_load prog_run)) (classorder (process file key bpf))
(typeattribute any)
(sidorder (${sids[*]})) (fsuse xattr ext4 (u r kernel_t (l l)))
(allow any any (process (transition))) (allow any any (file (entrypoint)))
(allow any any (bpf (map_create map_read map_write prog_run)))
(allow kernel_t any (bpf (prog_load))) (allow keyless_t any (bpf (prog_load)))
(allow kernel_t any (key ($keys))) (allow refused_t any (key ($keys)))
(typetransition kernel_t refused_exec_t process refused_t) (typetransition kernel_t keyless_exec_t process keyless_t)
CIL
    for type in kernel_t refused_t refused_exec_t keyless_t keyless_exec_t; do
      echo "(type $type) (roletype r $type) (typeattributeset any $type)"
    done
    for sid in "${sids[@]}"; do echo "(sid $sid) (sidcontext $sid (u r kernel_t (l l)))"; done
  } >selinux.cil
  # The newest version that 6.12 knows.
  secilc --policyvers=33 selinux.cil --output=selinux.policy --filecontext=/dev/null || die "secilc"
  mount -t selinuxfs selinuxfs /sys/fs/selinux || die "selinuxfs"
  cat selinux.policy >/sys/fs/selinux/load || die "SELinux: $(dmesg | tail -5)"
  label refused_exec_t selinux/refused selinux/unsigned-refused
  label keyless_exec_t selinux/keyless
}
label() { setfattr -n security.selinux -v "u:r:$1" "${@:2}" || die "setfattr $*"; }
selinux_on() { echo 1 >/sys/fs/selinux/enforce || die "SELinux"; }
selinux_off() { echo 0 >/sys/fs/selinux/enforce || die "SELinux"; }

# Without a daemon they are in the kernel's log, every one of them.
sysctl -q kernel.printk_ratelimit=0 || die "sysctl"
audit_log() { dmesg | grep 'audit: type='; }

# programs WHEN LOADER REFUSED UNSIGNED UNSIGNED_REFUSED MAPPER: the status of each.
programs() {
  expect_status "$2" "$neighbour: $1: a loader" "./$neighbour/loader" load-program
  expect_status "$3" "$neighbour: $1: a loader that $neighbour refuses" "./$neighbour/refused" load-program
  expect_status "$4" "$neighbour: $1: an unsigned program" "./$neighbour/unsigned" load-program
  expect_status "$5" "$neighbour: $1: an unsigned program that $neighbour refuses" "./$neighbour/unsigned-refused" load-program
  [ "$neighbour" = selinux ] || expect_status "$6" "$neighbour: $1: a loader that tries to map what $neighbour refuses" \
    "./$neighbour/mapper" try-to-map-file "$work/$neighbour/library.so"
}

# A signature is verified for whoever executes the file: a domain that may not search keyrings finds no signer there. What it is told
# is not kept, and nobody else is told so.
keyless() {
  cannot_know="whom SELinux lets search keyrings" \
    expect_status 1 "selinux: a loader, executed by a domain that may not search the gate's keyrings" \
    selinux/keyless exec "$work/selinux/fresh" call
  expect_status 0 "selinux: the same, executed by one that may" selinux/fresh call
  expect_status 0 "selinux: what is known of a file by then is known for everybody" selinux/keyless exec "$work/selinux/fresh" call
}

matrix() {
  local answer=${answers[$neighbour]} both mapper=1
  # Of two that refuse, the one that is asked first is heard. IPE's answer comes before there is a call.
  both=1
  [ "$neighbour" != selinux ] || ! comes_first selinux || both=$answer
  [ "$neighbour" != ipe ] || both=$answer
  # A mapping that is refused before the gate is asked has not happened; what the gate saw first counts.
  ! comes_first "$neighbour" || mapper=0
  "${neighbour}_off"
  programs "with neither" 0 0 0 0 0
  "${neighbour}_on"
  programs "with $neighbour" 0 "$answer" 0 "$answer" 0
  expect_output "${records[$neighbour]}" "$neighbour: and its record says so" audit_log
  load_gate enforce.json
  events >/dev/null
  programs "with both" 0 "$answer" 1 "$both" $mapper
  events >events.txt
  expect_output " refused .*exe=$work/$neighbour/unsigned " "$neighbour: with both: the gate says what it has refused" cat events.txt
  grep -q "/$neighbour/refused " events.txt && fail "$neighbour: the gate refused the loader: $(cat events.txt)"
  [ "$neighbour" != selinux ] || keyless
  "${neighbour}_off"
  programs "with the gate" 0 0 1 1 1
  bpfgate gate unload || die "unload"
  rm -rf "$agreement/policy"
}

for neighbour; do
  "${neighbour}_prepare"
  matrix
done
finish
