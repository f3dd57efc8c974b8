#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Sealing on a real kernel, and what verify and inspect say about sealed files. Runs in a guest of tests/vm/run.
set -euo pipefail
export LC_ALL=C

here=$(mktemp -d "$VERITY_DIR/seal.XXXXXX")
cd "$here"
failures=0
checks=0

# check WHAT COMMAND...: the command must succeed.
check() {
  local what=$1
  shift
  checks=$((checks + 1))
  if ! "$@" >.check 2>&1; then
    failures=$((failures + 1))
    echo "FAILED: $what ($*)"
    cat .check
    echo "--- stdout"; cat .out
    echo "--- stderr"; cat .err
  fi
}

# run COMMAND...: keeps what it prints and its status.
run() {
  status=0
  "$@" >.out 2>.err || status=$?
}

# expect STATUS WHAT COMMAND...
expect() {
  local want=$1 what=$2
  shift 2
  run "$@"
  check "$what: exit status $want" [ "$status" = "$want" ]
}

out() { check "stdout has the line: $1" grep -qxF -- "$1" .out; }
err() { check "stderr has: $1" grep -qF -- "$1" .err; }

measured() { fsverity measure "$1" | cut -d' ' -f1; }
is_sealed() { fsverity measure "$1" >/dev/null 2>&1; }
is_unsealed() { ! is_sealed "$1"; }
# sleeps PID: some thread of it is in clock_nanosleep(2), 230 on x86-64, within a generous time. Without forks: they take long here.
sleeps() {
  local task call end=$((SECONDS + 60))
  while [ "$SECONDS" -lt "$end" ] && [ -e "/proc/$1" ]; do
    for task in /proc/"$1"/task/*/syscall; do
      if read -r call <"$task" && [[ $call == 230\ * ]]; then return 0; fi
    done
  done 2>/dev/null
  return 1
}
file() { head -c "$2" /dev/urandom >"$1"; }

check_sizes() {
  local size digest
  for size in 0 1 4095 4096 4097 600000; do
    file f "$size"
    touch -d '2001-02-03 04:05:06.789012345' f
    touch -a -d '2002-03-04 05:06:07.890123456' f
    digest=$(bpfgate digest f | cut -d' ' -f1)
    touch -a -d '2002-03-04 05:06:07.890123456' f
    expect 0 "seal $size bytes" bpfgate seal f
    out "sealed $digest f"
    check "the kernel has the digest" [ "$(measured f)" = "$digest" ]
    check "mtime stays" [ "$(stat -c %y f)" = '2001-02-03 04:05:06.789012345 +0000' ]
    check "atime stays" [ "$(stat -c %x f)" = '2002-03-04 05:06:07.890123456 +0000' ]
    check "sealed files cannot be written" bash -c '! echo x >>f'
    rm -f f
  done
}

check_parameters() {
  local options digest
  for options in '--hash-alg=sha512' '--block-size=1024' '--hash-alg=sha512 --block-size=1024' '--salt=00ff' \
    '--hash-alg=sha512 --block-size=2048 --salt=0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef'; do
    file p 300001
    # shellcheck disable=SC2086
    digest=$(bpfgate digest $options p | cut -d' ' -f1)
    # shellcheck disable=SC2086
    expect 0 "seal with $options" bpfgate seal $options p
    out "sealed $digest p"
    check "the kernel has the digest" [ "$(measured p)" = "$digest" ]
    # shellcheck disable=SC2086
    expect 0 "seal again with $options" bpfgate seal $options p
    out "already sealed $digest p"
    rm -f p
  done
  file large_blocks 5000
  expect 3 'a block size beyond the page size' bpfgate seal --block-size=65536 large_blocks
  err 'block size of 65536'
  check 'it stays unsealed' is_unsealed large_blocks
}

check_again() {
  local first other
  file again 5000
  first=$(bpfgate digest again | cut -d' ' -f1)
  other=$(bpfgate digest --hash-alg=sha512 again | cut -d' ' -f1)
  expect 0 'first seal' bpfgate seal again
  touch -d '2001-02-03 04:05:06.789012345' again
  expect 0 'second seal' bpfgate seal again
  out "already sealed $first again"
  expect 1 'a seal that would be another' bpfgate seal --hash-alg=sha512 again
  err "$first"
  err "$other"
  check 'the first seal stays' [ "$(measured again)" = "$first" ]
  expect 0 'json' bpfgate seal --json again
  check 'json outcome' python3 -c 'import json; f = json.load(open(".out"))["files"][0]; assert f["outcome"] == "already-sealed", f'
}

check_writers() {
  local written
  file busy 5000
  exec 8>>busy
  expect 1 'a writer that stays' bpfgate seal busy
  err 'busy: some process has the file open for writing'
  check 'it stays unsealed' is_unsealed busy
  exec 8>&-
  expect 0 'once the writer is gone' bpfgate seal busy

  # The writer closes the file when seal is seen to wait for it, so that no slowness of the machine decides.
  file passing 5000
  exec 8>>passing
  bpfgate seal passing >.out 2>.err 8>&- &
  check 'seal waits for the writer' sleeps $!
  printf 'last words' >&8
  written=$(stat -c %y passing)
  exec 8>&-
  status=0
  wait $! || status=$?
  check 'a writer that passes: exit status 0' [ "$status" = 0 ]
  check 'sealed in the end' is_sealed passing
  check 'with all that was written' [ "$(tail -c 10 passing)" = 'last words' ]
  check 'mtime is that of the last write' [ "$(stat -c %y passing)" = "$written" ]

  cp /bin/sleep program
  ./program 60 &
  expect 0 'a running program' bpfgate seal program
  kill %%
  wait || true
}

check_many() {
  local i
  mkdir many
  for i in $(seq 60); do file "many/$i" $((i * 501)); done
  expect 0 'many at once' bpfgate seal -j 8 many/*
  check 'all sealed' [ "$(grep -c '^sealed sha256:[0-9a-f]\{64\} many/' .out)" = 60 ]
  file same 100000
  expect 0 'the same file at once' bpfgate seal -j 8 same same same same same same same same
  check 'sealed once' [ "$(grep -c '^sealed ' .out)" = 1 ]
  check 'found sealed for the rest' [ "$(grep -c '^already sealed ' .out)" = 7 ]
  file good 100
  expect 1 'a bad file among good ones' bpfgate seal missing good
  out "sealed $(measured good) good"
  err 'missing: No such file or directory'
  file target 100
  ln -s target link
  expect 0 'through a symbolic link' bpfgate seal link
  check 'its target is sealed' is_sealed target
}

check_refusals() {
  file /tmp/on_tmpfs 5000
  expect 3 tmpfs bpfgate seal /tmp/on_tmpfs
  err '/tmp/on_tmpfs: this file system has no fs-verity'
  err 'tune2fs -O verity'
  file immutable 5000
  chattr +i immutable
  expect 1 'an immutable file' bpfgate seal immutable
  err 'immutable: the file is immutable'
  chattr -i immutable
  chmod 755 "$here"
  file roots 5000
  expect 1 'a file of somebody else' setpriv --reuid 65534 --clear-groups bpfgate seal roots
  err 'roots: no permission to write the file'
  check 'it stays unsealed' is_unsealed roots
  file shared 5000
  chmod 666 shared
  expect 1 'a file of somebody else that may be written' setpriv --reuid 65534 --clear-groups bpfgate seal shared
  err 'shared: sealed, but its modification time could not be put back'
  check 'it is sealed' is_sealed shared
}

# The remedy that is printed must be one that works.
check_remedy() {
  local device command
  truncate -s 64M disk
  mkfs.ext4 -q -b 4096 -O ^verity disk
  modprobe loop
  device=$(losetup --find --show disk)
  mkdir plain
  mount "$device" plain
  file plain/f 5000
  expect 3 'an ext4 without verity' bpfgate seal plain/f
  err "switch it on with: tune2fs -O verity $device"
  command=$(sed -n 's/.*switch it on with: \(tune2fs -O verity [^ ]*\).*/\1/p' .err)
  expect 0 'inspect there' bpfgate inspect plain/f
  out '  fs-verity:    not supported or not switched on here'
  umount plain
  check 'the remedy runs' bash -c "$command"
  mount "$device" plain
  expect 0 'after the remedy' bpfgate seal plain/f
  file plain/g 5000
  mount -o remount,ro plain
  expect 1 'a read-only file system' bpfgate seal plain/g
  err 'plain/g: the file system is mounted read-only'
  umount plain
  losetup -d "$device"
}

signer() {
  openssl req -x509 "${@:2}" -noenc -days 30 -subj "/CN=test $1" -keyout "$1.key" -out "$1.pem" 2>/dev/null
}
# sign SIGNER FILE OPTION...: onto the file
sign() {
  fsverity sign --key="$1.key" --cert="$1.pem" "${@:3}" "$2" .sig >/dev/null
  setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 .sig | tr -d ' \n')" "$2"
}

check_verdicts() {
  signer loader -newkey rsa:2048
  signer library -newkey ec -pkeyopt ec_paramgen_curve:P-256
  signer stranger -newkey ec -pkeyopt ec_paramgen_curve:P-384
  local trust=(--cert loader.pem --library-cert library.pem)
  cp /bin/true l
  sign loader l
  expect 1 'signed, not sealed' bpfgate verify "${trust[@]}" l
  out 'no-evidence not-sealed l'
  err 'l: would be accepted once sealed: bpfgate seal l'
  expect 0 'the command it names' bash -c "$(sed -n 's/.*once sealed: //p' .err)"
  expect 0 'signed and sealed' bpfgate verify "${trust[@]}" l
  out 'loader signature-by-loader.pem l'
  check 'nothing more to say' [ ! -s .err ]
  expect 0 'as a library signer' bpfgate verify --cert loader.pem --role library l
  out 'library signature-by-loader.pem l'
  expect 1 'by nobody trusted' bpfgate verify --cert stranger.pem l
  out 'no-evidence signature-untrusted l'

  cp /bin/false b
  sign library b
  bpfgate seal b >/dev/null
  expect 0 'several files' bpfgate verify "${trust[@]}" l b
  out 'library signature-by-library.pem b'
  setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 .sig | tr -d ' \n')" l
  expect 1 "another file's signature" bpfgate verify "${trust[@]}" b l
  out 'library signature-by-library.pem b'
  out 'no-evidence signature-mismatch l'
  setfattr -n user.bpf_prog_sig -v 0x3000 l
  expect 1 garbage bpfgate verify "${trust[@]}" l
  out 'no-evidence signature-malformed l'
  setfattr -x user.bpf_prog_sig l
  expect 1 'no signature' bpfgate verify "${trust[@]}" l
  out 'no-evidence no-signature l'
  fsverity sign --key=loader.key --cert=loader.pem l detached.sig >/dev/null
  expect 0 'a detached one' bpfgate verify "${trust[@]}" --signature detached.sig l
  out 'loader signature-by-loader.pem l'
}

check_other_seals() {
  local digest
  cp /bin/true o
  sign loader o --hash-alg=sha512 --block-size=1024 --salt=00ff
  digest=$(bpfgate digest --hash-alg=sha512 --block-size=1024 --salt=00ff o | cut -d' ' -f1)
  expect 1 'not the default seal' bpfgate verify --cert loader.pem o
  err 'o: not sealed, and once sealed: signature-mismatch'
  expect 1 'the right seal' bpfgate verify --cert loader.pem --hash-alg sha512 --block-size 1024 --salt 00ff o
  expect 0 'the command it names' bash -c "$(sed -n 's/.*once sealed: //p' .err)"
  expect 0 'sealed as signed' bpfgate verify --json --cert loader.pem o
  check 'json' python3 -c '
import json, sys
f = json.load(open(".out"))["files"][0]
assert f == {"path": "o", "accepted": True, "verdict": "loader", "reason": "signature", "signer": "loader.pem",
             "digest": sys.argv[1], "digest_kind": "fsverity"}, f' "$digest"
  expect 0 inspect bpfgate inspect --cert loader.pem o
  out '  fs-verity:    supported here'
  out '  sealed:       yes'
  out "  digest:       $digest"
  out '  matches:      yes, by loader.pem'
}

touch .out .err
check_sizes
check_parameters
check_again
check_writers
check_many
check_refusals
check_remedy
check_verdicts
check_other_seals
echo "seal: $((checks - failures)) of $checks as expected"
[ "$failures" = 0 ]
