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
  unshare --mount --pid --fork bash -c 'mount -t proc proc "$1/proc" && exec chroot "$@"' - "$host/tree" "$@"
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

# Everything that may be mapped into a loader.
libraries_in_host() {
  (cd "$host/tree" && find usr/lib -name '*.so*' -type f ! -path '*/modules/*' -exec sh -c 'head -c 4 "$1" | grep -q ELF' - {} \; -printf '/%p\n')
}

# What the distribution would have signed, by the keys of manifests/debian-host.json; and that policy, in force.
make_policy() {
  local name
  local -a libraries
  for name in bpfgate distro-systemd distro-tracers distro-bpftool distro-libraries site-policy; do make_host_key "$name"; done
  sign_in_host bpfgate loader /usr/bin/bpfgate /usr/libexec/bpfgate/bpfgated
  sign_in_host distro-systemd loader /usr/lib/systemd/systemd /usr/lib/systemd/systemd-executor
  sign_in_host distro-bpftool loader /usr/sbin/bpftool
  sign_in_host distro-tracers loader /usr/bin/bpftrace
  mapfile -t libraries < <(libraries_in_host)
  sign_in_host distro-libraries library "${libraries[@]}"
  mkdir -p "$host/tree/etc/bpfgate"
  cp "$host"/keys/*.pem "$host/tree/etc/bpfgate/"
  sed 's/"mode": "audit"/"mode": "enforce"/' "$library/../../../manifests/debian-host.json" >"$host/tree/etc/bpfgate/manifest.json"
}

# The kernel is the guests': of the host are the modules.
make_modules() {
  local version=$1
  mkdir -p "$host/tree/usr/lib/modules"
  debugfs -R "rdump /$version $host/tree/usr/lib/modules" "$cache/kernel/$kernel/modules.img" 2>"$host/debugfs.log"
  [ -d "$host/tree/usr/lib/modules/$version" ] || { cat "$host/debugfs.log" >&2; return 1; }
  cp "$cache/kernel/$kernel/config" "$host/tree/boot/config-$version"
  in_host depmod "$version"
}

# make_initrd VERSION initramfs-tools|dracut: as on the host itself.
make_initrd() {
  local version=$1 tree=$host/tree
  case $2 in
    initramfs-tools)
      echo MODULES=list >"$tree/etc/initramfs-tools/conf.d/modules"
      printf '%s\n' virtio_pci virtio_blk ext4 >>"$tree/etc/initramfs-tools/modules"
      in_host update-initramfs -c -k "$version"
      mv "$tree/boot/initrd.img-$version" "$host/initrd"
      ;;
    dracut)
      in_host dracut --no-hostonly --no-early-microcode --kver "$version" --drivers 'virtio_pci virtio_blk ext4' /boot/initrd
      mv "$tree/boot/initrd" "$host/initrd"
      ;;
  esac >"$host/initrd.log" 2>&1 || { cat "$host/initrd.log" >&2; return 1; }
}

# A unit that runs the job of ../run.
make_job_unit() {
  local units=$host/tree/etc/systemd/system
  cp "$library/guest-init" "$host/tree/usr/local/sbin/"
  cat >"$units/bpfgate-job.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
ExecStartPre=mkdir -p /run/bpfgate-vm
ExecStartPre=rm -f /run/bpfgate-vm/output /run/bpfgate-vm/tick
ExecStartPre=ln -sfn /dev/disk/by-id/virtio-job /run/bpfgate-vm/job
ExecStart=/usr/local/sbin/guest-init
Delegate=yes
UNIT
  mkdir -p "$units/multi-user.target.wants"
  ln -s ../bpfgate-job.service "$units/multi-user.target.wants/"
}

# The tree as an image, and what is signed in it sealed.
make_root_image() {
  echo 'LABEL=root / ext4 rw 0 1' >"$host/tree/etc/fstab"
  truncate -s 4G "$host/root.img"
  mkfs.ext4 -q -F -L root -O verity -b 4096 -d "$host/tree" "$host/root.img"
  getfattr --absolute-names -R -h -P -n user.bpf_prog_sig "$host/tree/usr" 2>/dev/null | sed -n "s,^# file: $host/tree,,p" >"$host/signed"
  "$bpfgate" image seal "$host/root.img" --files-from "$host/signed" >"$host/seal.log" || { cat "$host/seal.log" >&2; return 1; }
}

# make_host PACKAGES initramfs-tools|dracut: bpfgate from its own packages, on a host that is enabled to hold it.
make_host() {
  local version
  version=$(kernel_version "$kernel")
  prepare_host_base
  mkdir -p "$host/tree/packages"
  tar -x -f "$(host_base)" -C "$host/tree" --numeric-owner --exclude='./dev/*'
  cp "$1"/bpfgate_*.deb "$1"/bpfgated_*.deb "$host/tree/packages/"
  in_host sh -c 'dpkg -i /packages/*.deb && systemctl enable bpfgated.service && rm -r /packages' >"$host/dpkg.log" 2>&1 ||
    { cat "$host/dpkg.log" >&2; return 1; }
  make_policy
  make_modules "$version"
  make_initrd "$version" "$2"
  make_job_unit
  make_root_image
}
