#!/bin/bash
# SPDX-License-Identifier: MIT
# IMA digests as evidence: only where the policy says so, only of files that are not sealed, and never for long. IMA computes
# them because the kernel was booted with ima_policy=tcb, and with the algorithm that its command line says (ima_hash=): a digest
# by another one is no evidence, listed or signed.
# shellcheck source=../lib/guest.sh
. /opt/bpfgate/lib/guest.sh
witness=$(command -v witness)
cd "$work" || exit 2
make_key loaders
make_key libraries
make_key strangers
use_signed_bpfgate
explain_each_status
sign_libraries_of "$witness"
read -r command_line </proc/cmdline
algorithm=sha256 other_algorithm=sha512
if [[ $command_line =~ ima_hash=([a-z0-9]+) ]]; then algorithm=${BASH_REMATCH[1]} other_algorithm=sha256; fi
grep -q " $algorithm:" /sys/kernel/security/integrity/ima/ascii_runtime_measurements || die "this kernel measures nothing by it"

# signed_for_ima KEY FILE [ALGORITHM]
signed_for_ima() {
  cp "$witness" "$2"
  bpfgate sign --digest ima --hash-alg "${3:-$algorithm}" --role loader --key "$keys/$1.key" --cert "$keys/$1.pem" "$2" \
    >sign.log 2>&1 || die "sign: $(cat sign.log)"
}
signed_for_ima loaders signed
signed_for_ima strangers stranger
signed_for_ima loaders changed
printf x >>changed
cp "$witness" listed
printf y >>listed
cp "$witness" neither
printf z >>neither
# By the algorithm that this kernel doesn't use.
signed_for_ima loaders signed-otherwise $other_algorithm
cp "$witness" listed-otherwise
printf w >>listed-otherwise
# A signature over the fs-verity digest, on a file that is not sealed.
cp "$witness" other-kind
sign_as loaders loader other-kind
# Sealed: fs-verity alone judges, whatever is signed for IMA.
signed_copy "$witness" sealed-loader
signed_for_ima loaders sealed-other
getfattr --only-values -n user.bpf_prog_sig sealed-other >ima.sig 2>/dev/null
setfattr -x user.bpf_prog_sig sealed-other
setfattr -n user.bpf_prog_sig -v "0x$(od -An -v -tx1 ima.sig | tr -d ' \n')" sealed-other
fsverity enable sealed-other || die "fsverity enable"
# On overlayfs, whose file is not the one that is mapped.
mkdir lower upper work-of-overlay merged
signed_for_ima loaders lower/signed
mount -t overlay overlay -o lowerdir=lower,upperdir=upper,workdir=work-of-overlay merged || die "overlay"

# digest_by ALGORITHM FILE: as the manifest has it.
digest_by() { echo "$1:$("${1}sum" "$2" | cut -d' ' -f1)"; }
expect_output "^$(digest_by "$algorithm" listed) listed\$" "bpfgate and ${algorithm}sum agree" \
  bpfgate digest --ima --hash-alg "$algorithm" listed
write_manifest off.json enforce 1
python3 - "$(digest_by "$algorithm" listed)" "$(digest_by $other_algorithm listed-otherwise)" <<'PYTHON'
import json, sys

policy = json.load(open("off.json"))
policy["evidence"] = {"ima": True}
policy["digests"] = [{"kind": "ima", "digest": digest, "grant": "full"} for digest in sys.argv[1:]]
json.dump(policy, open("on.json", "w"))
PYTHON

check "signed for IMA" allowed ./signed call
check "listed for IMA" allowed ./listed call
check "sealed and signed" allowed ./sealed-loader call
check "neither listed nor signed" denied ./neither call
check "signed by a stranger" denied ./stranger call
check "changed after signing" denied ./changed call
check "signed for fs-verity, and not sealed" denied ./other-kind call
check "signed for IMA, and sealed" denied ./sealed-other call
check "listed for IMA, by another algorithm" denied ./listed-otherwise call
check "signed for IMA, by another algorithm" denied ./signed-otherwise call
check "signed for IMA, on overlayfs" denied ./merged/signed call
run_checks baseline

load_gate off.json
for file in signed listed; do expect_status 1 "the policy does not say that IMA counts: $file" ./$file call; done
expect_status 0 "fs-verity counts" ./sealed-loader call
update_gate on.json
run_checks gate
events --json >events.json
grep -q 'signature-mismatch' events.json && pass "the event says that the signature is of other content" || fail "no mismatch in the events"

# Revoked while it runs.
python3 - "$(digest_by "$algorithm" listed)" <<'PYTHON'
import json, sys

policy = json.load(open("on.json"))
policy["revoked"] = {"digests": [{"kind": "ima", "digest": sys.argv[1]}]}
json.dump(policy, open("revoked.json", "w"))
PYTHON
rm -f go
start_held listed ./listed
start signed 0 ./signed ask-and-wait
update_gate revoked.json
expect_mark_gone listed "a running loader whose listed IMA digest is revoked is refused"
expect_status 1 "a loader whose listed IMA digest is revoked is refused" ./listed call
expect_output ' refused revoked .* comm=listed ' "the event says revoked" events
touch go
ended signed 0 "a running loader, signed for IMA and not revoked, is allowed"
update_gate on.json
expect_status 0 "revoked no longer" ./listed call

# Whoever has it open for writing may change it after it was hashed. The kernel does not execute such a file, but maps it.
expect_status 0 "mapped as code while nobody writes" ./sealed-loader map-file listed
exec {writer}>>listed
cannot_know="somebody else has the file open for writing" expect_status 1 "mapped as code while open for writing" ./sealed-loader map-file listed
exec {writer}>&-
expect_status 0 "mapped as code when closed again" ./sealed-loader map-file listed

# Content that changes is judged anew at the next exec.
printf x >>signed
expect_status 1 "changed after it was judged" ./signed call
expect_status 0 "offline, verify says the same" bpfgate verify --ima --hash-alg "$algorithm" --cert "$keys/loaders.pem" lower/signed
update_gate off.json
expect_status 1 "the policy says so no longer" ./listed call
finish
