# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# A whole host: Debian stable, booted by its own initramfs under systemd, with bpfgate from its own packages and a policy that
# enforces; or one that has neither yet. Sourced after cache.sh. Everything but the first functions works on one directory,
# $host: tree, root.img, initrd, keys.
# shellcheck disable=SC2154 # $library, $cache, $host and $kernel are whose who sources this

# base SUITE LIST...: the root file system with the packages of these lists, as a tar file.
base() {
  local suite=$1 key
  shift
  key=$( (cd "$library" && echo "$suite" && cat "$@" && declare -f build_base) | sha256sum | cut -c 1-16)
  echo "$cache/host-$key.tar"
}

build_base() {
  local tar=$1 suite=$2
  shift 2
  [ ! -e "$tar" ] || return 0
  say "building a host's root file system (Debian $suite)"
  local packages newer=()
  packages=$(cd "$library" && cat "$@" | sed -e '/^#/d' | paste -sd,)
  # As on the machine that has built bpfgate (scripts/setup).
  if [ "$suite" = bookworm ]; then packages=${packages/libbpf1/libbpf1/bookworm-backports} newer=("$(sources bookworm-backports)"); fi
  # shellcheck disable=SC2016 # the hook's own $1
  mmdebstrap --quiet --variant=minbase --architectures=amd64 --include="$packages" \
    --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"' "$suite" "$tmp/host.tar" "$(sources "$suite")" "${newer[@]}" >&2
  mv -T "$tmp/host.tar" "$tar"
}

unpack_base() {
  local tar
  tar=$(base "$@")
  [ -e "$tar" ] || locked build_base "$tar" "$@"
  mkdir -p "$host/tree"
  tar -x -f "$tar" -C "$host/tree" --numeric-owner --exclude='./dev/*'
}

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

# companion PACKAGE KEY FILE: the package with the signature of a file of PACKAGE, installed, which puts it on the file.
companion() {
  local package=$1 key=$2 tree=$host/$1-bpfgate
  local store=$tree/usr/lib/bpfgate/sigs.d/$package-bpfgate.json
  mkdir -p "$tree/DEBIAN" "${store%/*}"
  printf '%s\n' "Package: $package-bpfgate" "Version: 1.0" "Architecture: all" "Maintainer: Nobody <nobody@example.org>" \
    "Description: signatures of $package" >"$tree/DEBIAN/control"
  "$bpfgate" store add --store "$store" --package "$package-bpfgate" --root "$host/tree" "$host/tree$3" >>"$host/sign.log"
  "$bpfgate" store sign --store "$store" --key "$host/keys/$key.key" --cert "$host/keys/$key.pem" >>"$host/sign.log"
  dpkg-deb --build --root-owner-group "$tree" "$host/tree/srv/$package-bpfgate.deb" >>"$host/sign.log"
  in_host dpkg -i "/srv/$package-bpfgate.deb" >>"$host/dpkg.log" 2>&1 || { cat "$host/dpkg.log" >&2; return 1; }
  getfattr -n user.bpf_prog_sig "$host/tree$3" >>"$host/sign.log" 2>&1 || { cat "$host/dpkg.log" >&2; return 1; }
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
  companion bpftool distro-bpftool /usr/sbin/bpftool
  companion bpftrace distro-tracers /usr/bin/bpftrace
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

# make_initrd VERSION initramfs-tools|dracut [OPTION]...: as on the host itself.
make_initrd() {
  local version=$1 tree=$host/tree
  case $2 in
    initramfs-tools)
      echo MODULES=list >"$tree/etc/initramfs-tools/conf.d/modules"
      printf '%s\n' virtio_pci virtio_blk ext4 >>"$tree/etc/initramfs-tools/modules"
      in_host update-initramfs -c -k "$version"
      cp "$tree/boot/initrd.img-$version" "$host/initrd"
      ;;
    dracut)
      in_host dracut --no-hostonly --no-early-microcode --kver "$version" --drivers 'virtio_pci virtio_blk ext4' "${@:3}" /boot/initrd
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
  # It counts as a failure what has none.
  { getfattr --absolute-names -R -h -P -n user.bpf_prog_sig "$host/tree/usr" 2>/dev/null || :; } |
    sed -n "s,^# file: $host/tree,,p" >"$host/signed"
  [ -s "$host/signed" ] || return 0
  "$bpfgate" image seal "$host/root.img" --files-from "$host/signed" >"$host/seal.log" || { cat "$host/seal.log" >&2; return 1; }
}

# What a read-only root wants to be elsewhere, and where the tests put theirs.
make_root_volume() {
  printf '%s\n' 'tmpfs /opt tmpfs' 'tmpfs /root tmpfs' >"$host/tree/etc/fstab"
  echo uninitialized >"$host/tree/etc/machine-id"
  mkfs.erofs -T 0 "$host/root.raw" "$host/tree" >"$host/mkfs.log" 2>&1 || { cat "$host/mkfs.log" >&2; return 1; }
  "$bpfgate" volume format "$host/root.raw" >"$host/format.log"
  ln -s root.raw "$host/root.img"
}

# The policy of manifests/debian-host.json, with a volume in place of signers of code: for the initramfs alone.
make_volume_policy() {
  local policy=$host/tree/etc/bpfgate
  make_host_key site-policy
  mkdir -p "$policy/manifest.d"
  cp "$host/keys/site-policy.pem" "$policy/"
  python3 - "$library/../../../manifests/debian-host.json" >"$policy/manifest.json" <<'PYTHON'
import json, sys
policy = json.load(open(sys.argv[1]))
policy |= {"mode": "enforce", "signers": [signer for signer in policy["signers"] if signer["role"] == "manifest"]}
print(json.dumps(policy, indent=2))
PYTHON
  "$bpfgate" volume manifest "$host/root.raw" --loader admin=/usr/bin/bpfgate --loader admin=/usr/libexec/bpfgate/bpfgated \
    --loader service-manager,unit-sandbox=/usr/lib/systemd/systemd --loader service-manager,unit-sandbox=/usr/lib/systemd/systemd-executor \
    --loader inspect,map-reading=/usr/sbin/bpftool --loader tracing,inspect=/usr/bin/bpftrace >"$policy/manifest.d/root.json"
}

# make_repository DIRECTORY DEB...: one that apt reads by "deb [trusted=yes] file:DIRECTORY ./".
make_repository() {
  local directory=$1
  shift
  mkdir -p "$host/tree$directory"
  cp "$@" "$host/tree$directory/"
  (cd "$host/tree$directory" && dpkg-scanpackages --multiversion . >Packages) 2>"$host/scan.log" ||
    { cat "$host/scan.log" >&2; return 1; }
}

# apt_knows DIRECTORY: that repository and no other.
apt_knows() {
  find "$host/tree/etc/apt/sources.list.d" -type f -delete
  echo "deb [trusted=yes] file:$1 ./" >"$host/tree/etc/apt/sources.list"
  in_host apt-get -q update >"$host/apt.log" 2>&1 || { cat "$host/apt.log" >&2; return 1; }
}

# install_own PACKAGES: bpfgate and its service, enabled.
install_own() {
  make_repository /srv/bpfgate "$1"/bpfgate_*.deb "$1"/bpfgated_*.deb
  apt_knows /srv/bpfgate
  in_host sh -c 'apt-get install -qy bpfgate bpfgated && systemctl enable bpfgated.service' >"$host/dpkg.log" 2>&1 ||
    { cat "$host/dpkg.log" >&2; return 1; }
}

# make_host PACKAGES initramfs-tools|dracut: bpfgate from its own packages, on a host that is enabled to hold it.
make_host() {
  local version
  version=$(kernel_version "$kernel")
  unpack_base trixie host-packages
  install_own "$1"
  make_policy
  make_upgrades
  make_modules "$version"
  make_initrd "$version" "$2"
  make_job_unit
  make_root_image
}

# A repository for each version of a loader: two that are signed, one that nobody has signed, and one that is signed again.
make_upgrades() {
  local version key=$host/keys/distro-bpftool
  # shellcheck disable=SC2034 # for package
  local work=$host packages=$host/upgrades
  mkdir -p "$packages"
  for version in 1.0 2.0 4.0; do package tracer "$version" "$key"; done
  package tracer 3.0
  for version in 1.0 2.0 3.0 4.0; do make_repository "/srv/$version" "$packages/tracer_${version}"_*.deb; done
}

# A bpftool of another content, as an upgrade brings one, where apt does not look for it yet.
make_next_bpftool() {
  local tree=$host/next
  mkdir -p "$tree/DEBIAN" "$tree/usr/sbin"
  cp "$host/tree/usr/sbin/bpftool" "$tree/usr/sbin/"
  echo next >>"$tree/usr/sbin/bpftool"
  printf '%s\n' "Package: bpftool" "Version: 99" "Architecture: amd64" "Maintainer: Nobody <nobody@example.org>" \
    "Description: bpftool" >"$tree/DEBIAN/control"
  dpkg-deb --build --root-owner-group "$tree" "$host/bpftool_99_amd64.deb" >"$host/dpkg-deb.log"
  make_repository /srv/next "$host/bpftool_99_amd64.deb"
}

# make_machine SUITE LIST PACKAGES: a machine with the packages of the list that knows nothing of bpfgate but where its packages are.
make_machine() {
  local version
  version=$(kernel_version "$kernel")
  unpack_base "$1" "$2"
  make_repository /srv/bpfgate "$3"/*.deb
  apt_knows /srv/bpfgate
  make_next_bpftool
  make_modules "$version"
  make_initrd "$version" initramfs-tools
  make_job_unit
  make_root_image
}
