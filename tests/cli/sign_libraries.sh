#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A loader with libraries: which are unsigned is said, and --with-libraries signs them, each once. The program brings its
# dynamic linker and its libraries along, so that none of the host's is touched.
. "$(dirname "$0")/lib.sh"

signer loader
signer library
signer other
cp "$(realpath "$(readelf -lW /bin/sh | sed -n 's/.*interpreter: \(.*\)]/\1/p')")" ld.so
build() { cc -nostdlib -fPIC "$@" || fail "cc"; }
echo 'int two(void) { return 2; }' >two.c
echo 'int two(void); int one(void) { return two(); }' >one.c
echo 'int one(void); void _start(void) { one(); for (;;) {} }' >main.c
build -shared -o libtwo.so two.c -Wl,-soname,libtwo.so
build -shared -o libone.so one.c -L. -ltwo -Wl,-soname,libone.so -Wl,-rpath,"$PWD"
build -pie -o main main.c -L. -lone -Wl,-rpath,"$PWD" -Wl,--dynamic-linker="$PWD/ld.so"
cp main second
sign=(bpfgate sign --key loader.key --cert loader.pem)
with=(--with-libraries --library-key library.key --library-cert library.pem)

expect 0 "${sign[@]}" main
err '3 libraries carry no library signature'
for file in ld.so libone.so libtwo.so; do err "$PWD/$file (unsigned)"; done
err '--with-libraries'

expect 0 "${sign[@]}" "${with[@]}" main second
err '2 signed, 0 failed; libraries: 3 signed, 0 failed'
[ "$(grep -c "^signed .* $PWD/" .out)" = 3 ] || fail "libraries are not signed once each"
expect 1 bpfgate verify --cert loader.pem --library-cert library.pem libone.so ld.so main
err 'would be accepted once sealed'
expect 0 "${sign[@]}" --library-cert library.pem main
no_err

# What is signed already stays as it is; a signature by somebody else, or of other content, is named.
expect 0 "${sign[@]}" "${with[@]}" --json main
json 'o["libraries_signed"] == 0 and all(l["state"] == "signed" for l in o["libraries"])'
expect 0 bpfgate sign --role library --key other.key --cert other.pem libone.so
echo >>libtwo.so
expect 0 "${sign[@]}" --library-cert library.pem main
err '2 libraries carry'
err "$PWD/libone.so (other-signer)"
err "$PWD/libtwo.so (other-content)"
expect 0 "${sign[@]}" "${with[@]}" --json main second
json 'o["libraries_signed"] == 2 and o["libraries_failed"] == 0 and len(o["libraries"]) == 3'
json '[l["needed_by"] for l in o["libraries"]] == [["main", "second"]] * 3'

# One that is missing is said; one that cannot be signed makes the exit status 1.
rm libtwo.so
expect 0 "${sign[@]}" --library-cert library.pem main
err 'main needs libtwo.so, which is not on this host'
setfattr -x user.bpf_prog_sig libone.so
expect 1 "${sign[@]}" "${with[@]}" --detached --output-dir /proc/self main

# Two libraries of one name: in one directory the second's signature would replace the first's, so nothing is signed.
mkdir elsewhere
build -shared -o elsewhere/libone.so two.c -Wl,-soname,libone.so
echo 'int two(void); void _start(void) { two(); for (;;) {} }' >third.c
build -pie -o third third.c -Lelsewhere -lone -Wl,-rpath,"$PWD/elsewhere" -Wl,--dynamic-linker="$PWD/ld.so"
expect 2 "${sign[@]}" "${with[@]}" --detached --output-dir shared main third
err "$PWD/libone.so and $PWD/elsewhere/libone.so would share shared/libone.so.bpfsig"
[ ! -e shared ] || fail "something is signed"
expect 0 "${sign[@]}" "${with[@]}" --detached --output-dir shared third
expect 0 "${sign[@]}" --detached --output-dir shared main third

# A program that relies on $ORIGIN runs as it is, but not once it is a loader.
mkdir own
echo 'int two(void); void _start(void) { two(); for (;;) {} }' >origin.c
build -shared -o own/libthree.so two.c -Wl,-soname,libthree.so
# shellcheck disable=SC2016
build -pie -o origin origin.c -Lown -lthree '-Wl,-rpath,$ORIGIN/own' -Wl,--dynamic-linker="$PWD/ld.so"
expect 0 "${sign[@]}" origin
# shellcheck disable=SC2016
err 'origin finds libthree.so through $ORIGIN only'
expect 0 "${sign[@]}" --json origin
json 'o["libraries_by_origin_only"] == {"libthree.so": ["origin"]} and o["missing_libraries"] == {}'

# The host's own libraries, detached: a real program's closure, nothing of the host touched.
expect 0 "${sign[@]}" "${with[@]}" --detached --output-dir out /usr/bin/openssl
[ -s out/openssl.bpfsig ] || fail "no signature of the loader"
[ "$(find out -name 'libcrypto*.bpfsig' | wc -l)" = 1 ] || fail "no signature of libcrypto"
