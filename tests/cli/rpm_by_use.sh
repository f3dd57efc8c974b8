#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A program that uses BPF by a library of its own package is one that uses BPF.
. "$(dirname "$0")/lib.sh"

signer loaders
mkdir -p content/usr/sbin content/usr/lib/demo
echo 'const char object[] = "x\0.BTF.ext\0y"; int core(void) { return object[0]; }' >core.c
echo 'int core(void); int main(void) { return core(); }' >program.c
cc -shared -fPIC -Wl,-soname,libdemo-core-1.so -o content/usr/lib/demo/libdemo-core-1.so core.c
cc -o content/usr/sbin/manager program.c content/usr/lib/demo/libdemo-core-1.so
cp /bin/true content/usr/sbin/other
"$MAKE_PACKAGE" content demo.rpm
expect 0 bpfgate rpm sign --key loaders.key --cert loaders.pem demo.rpm
out_is "signed sha256:$(fsverity digest --compact content/usr/sbin/manager) demo.rpm:/usr/sbin/manager"
expect 0 bpfgate rpm inspect demo.rpm
out '    uses BPF:   needs libdemo-core-1.so, which has a BPF object or its loader built in'
