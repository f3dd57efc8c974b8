#!/bin/bash
# SPDX-License-Identifier: MIT
# Loaders that come with ostree: signatures are in its commits, and it seals what it pulls where the repository says so.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
make_key loaders
make_key libraries
make_key admins
use_signed_bpfgate
sign_libraries_of "$witness"
mkdir -p built/bin
cp "$witness" built/bin/loader
cp "$witness" built/bin/unsigned
# Files of one content and two sets of attributes are two objects.
sign_as loaders loader built/bin/loader

# quietly COMMAND...
quietly() { "$@" >"$work/log" 2>&1 || die "$*: $(cat "$work/log")"; }
quietly ostree --repo=built.repo init --mode=archive
quietly ostree --repo=built.repo commit -b main built
for host in sealing plain; do
  quietly ostree --repo=$host.repo init --mode=bare
  [ $host = plain ] || quietly ostree --repo=$host.repo config set ex-integrity.fsverity yes
  quietly ostree --repo=$host.repo pull-local built.repo main
  quietly ostree --repo=$host.repo checkout --require-hardlinks main $host
done
digest=$(bpfgate digest built/bin/loader)
expect_output "^${digest%% *} " "ostree's seals have the digest that was signed" fsverity measure sealing/bin/loader
expect_status 1 "and without the option there is none" fsverity measure plain/bin/loader

check "a loader that ostree has sealed" allowed sealing/bin/loader call
check "an unsigned program that ostree has sealed" denied sealing/bin/unsigned call
check "a signed program that nobody has sealed" denied plain/bin/loader call
run_checks baseline
write_manifest enforce.json enforce 1
load_gate enforce.json
run_checks gate

# A file of a checkout and its object in the repository are one inode.
seal plain/bin/loader
expect_status 0 "sealed in the checkout" plain/bin/loader call
expect_status 0 "ostree finds its repository as it was" ostree --repo=plain.repo fsck
finish
