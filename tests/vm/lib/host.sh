# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A whole host: Debian stable, booted by its own initramfs under systemd, with bpfgate from its own packages and a policy that
# enforces. Sourced after cache.sh. Everything but the first function works on one directory, $host: tree, root.img, initrd, keys.
# shellcheck disable=SC2154 # $library, $cache, $host and $kernel are whose who sources this

host_base() {
  local key
  key=$( (cat "$library/host-packages"; declare -f build_host_base) | sha256sum | cut -c 1-16)
  echo "$cache/host-$key.tar"
}

build_host_base() {
  local tar=$1
  [ ! -e "$tar" ] || return 0
  say "building a host's root file system (Debian trixie)"
  # shellcheck disable=SC2016 # the hook's own $1
  mmdebstrap --quiet --variant=minbase --architectures=amd64 --include="$(sed -e '/^#/d' "$library/host-packages" | paste -sd,)" \
    --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' trixie "$tmp/host.tar" "$(sources trixie)" >&2
  mv -T "$tmp/host.tar" "$tar"
}

prepare_host_base() { [ -e "$(host_base)" ] || locked build_host_base "$(host_base)"; }

# in_host COMMAND...: as the root of the host that is not running yet.
in_host() {
  as_owner unshare --mount --pid --fork bash -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' - "$host/tree" "$@"
}

make_host_key() {
  mkdir -p "$host/keys"
  openssl req -x509 -nodes -newkey rsa:2048 -keyout "$host/keys/$1.key" -out "$host/keys/$1.pem" -subj "/CN=$1" -days 30 2>/dev/null
}

# sign_in_host KEY ROLE FILE...: below the tree, as the package that brings them would.
sign_in_host() {
  local key=$1 role=$2
  shift 2
  "$bpfgate" sign --role "$role" --key "$host/keys/$key.key" --cert "$host/keys/$key.pem" "${@/#/$host/tree}" >>"$host/sign.log" 2>&1 ||
    { cat "$host/sign.log" >&2; return 1; }
}
