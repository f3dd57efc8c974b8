#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Interpreters and dynamic linkers are not loaders by accident; scripts never are.
. "$(dirname "$0")/lib.sh"

signer loader
linker=$(readelf -lW /bin/bash | sed -n 's/.*interpreter: \(.*\)]/\1/p')
sign=(bpfgate sign --key loader.key --cert loader.pem --detached --output-dir out)

cp /bin/bash innocent
ln -s /bin/bash link
printf '#!/bin/sh\nexit 0\n' >script
for file in /bin/bash innocent link "$linker" /usr/bin/perl; do
  expect 1 "${sign[@]}" "$file"
  err "$file: this is a"
  err '--allow-interpreter'
done
expect 1 "${sign[@]}" innocent
err 'it has the marks of bash'
expect 1 "${sign[@]}" "$linker"
err 'a dynamic linker'
[ -z "$(ls out)" ] || fail "something was signed: $(ls out)"

expect 0 "${sign[@]}" --allow-interpreter innocent
expect 0 "${sign[@]}" --role library "$linker"
expect 1 "${sign[@]}" --allow-interpreter script
err 'its interpreter'
expect 0 "${sign[@]}" "$BPFGATE" /usr/bin/openssl
