# shellcheck shell=bash
# SPDX-License-Identifier: MIT

# make_firmware DIRECTORY: makes a key (firmware/firmware.key, .pem), and firmware variables that have its certificate in the list of
# those that may sign what boots (db). The kernel takes it into its keyring .platform.
make_firmware() {
  mkdir "$1/firmware"
  openssl req -x509 -nodes -newkey rsa:2048 -keyout "$1/firmware/firmware.key" -out "$1/firmware/firmware.pem" \
    -subj /CN=firmware -days 30 2>"$1/openssl.log" || { cat "$1/openssl.log" >&2; return 1; }
  virt-fw-vars --input /usr/share/OVMF/OVMF_VARS_4M.fd --output "$1/variables" \
    --add-db "$(cat /proc/sys/kernel/random/uuid)" "$1/firmware/firmware.pem" 2>"$1/variables.log" ||
    { cat "$1/variables.log" >&2; return 1; }
}
