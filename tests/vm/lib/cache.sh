# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# What a guest is made of, built once into the cache: kernels with their modules, the root file system, the initramfs.
# Sourced by ../run. Everything is built in a directory of its own under a lock and renamed at the end, so that a killed build
# leaves nothing half and two runs never build the same thing twice.
# shellcheck disable=SC2030,SC2031 # $tmp lives and dies in the subshell that holds the lock

cache=${BPFGATE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/bpfgate}/vm
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Name of a kernel and the Debian suite whose linux-image-amd64 it is, in the order of age.
# shellcheck disable=SC2034 # for ../run
kernel_names=(stable unstable)
declare -A kernel_suites=([stable]=trixie [unstable]=sid)

# The oldest suite whose bpftool, bpftrace and libbpf are new enough; a newer host's own one fits its binaries' libc better.
guest_suite() {
  local VERSION_ID VERSION_CODENAME
  # shellcheck source=/dev/null
  . /etc/os-release
  if [ "${VERSION_ID:-99}" -gt 13 ]; then echo "$VERSION_CODENAME"; else echo trixie; fi
}

# The archive this machine's apt is set up to use. Without index files apt knows no label, but still the suite asked for.
archive_uri() {
  local VERSION_CODENAME uri
  # shellcheck source=/dev/null
  . /etc/os-release
  # shellcheck disable=SC2016 # apt's own placeholders
  uri=$(apt-get indextargets --format '$(LABEL)|$(RELEASE)|$(REPO_URI)' 'Created-By: Packages' |
    awk -F'|' -v suite="$VERSION_CODENAME" '$1 == "Debian" || ($1 == "" && $2 == suite) { print $3; exit }')
  [ -n "$uri" ] || die "this machine's apt configuration names no Debian archive to fetch kernels from"
  echo "$uri"
}

# sources SUITE: the line for sources.list. A mirror that stands still is as good as this machine's own apt takes it for.
sources() {
  local options="arch=amd64 signed-by=$keyring" setting
  eval "$(apt-config shell setting Acquire::Check-Valid-Until/b)"
  if [ "${setting:-}" = false ]; then options+=" check-valid-until=no"; fi
  echo "deb [$options] $(archive_uri) $1 main"
}

# apt_in SUITE COMMAND...: apt on a private root that knows this suite only; the machine's own proxy settings still count.
apt_in() {
  local root=$cache/apt/$1 command=$2
  shift 2
  mkdir -p "$root/lists/partial" "$root/archives/partial"
  "$command" -q -o Dir::State="$root" -o Dir::State::lists="$root/lists" -o Dir::State::status=/dev/null \
    -o Dir::Cache="$root" -o Dir::Etc::sourcelist="$root/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null -o APT::Default-Release= \
    -o APT::Architecture=amd64 -o APT::Architectures=amd64 -o APT::Sandbox::User=root "$@"
}

apt_update() {
  mkdir -p "$cache/apt/$1"
  sources "$1" >"$cache/apt/$1/sources.list"
  apt_in "$1" apt-get update >&2
}

# The packages a kernel consists of. Newer suites split linux-image into -base, -binary and -modules; older ones have one.
kernel_packages() {
  apt_in "$1" apt-cache depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
    --no-enhances linux-image-amd64 | grep -Ex 'linux-(image|base|binary|modules)-[0-9].*' | sort -u
}

# locked FUNCTION ARG...: runs it as the only builder, with $tmp a fresh directory on the cache's file system.
locked() {
  mkdir -p "$cache"
  (
    flock 9
    # The lock is ours, so these are what killed builds left.
    as_owner rm -rf "$cache"/build.*
    tmp=$(mktemp -d "$cache/build.XXXXXX")
    trap 'as_owner rm -rf "$tmp"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM
    "$@" 9>&-
  ) 9>"$cache/lock"
}

# The ELF file inside a bzImage: the same kernel, but QEMU starts it directly (PVH) and nobody decompresses 60 MB in emulation,
# which is one second of five.
# Offsets are those of the boot protocol (Documentation/arch/x86/boot.rst); the payload ends with 4 bytes of its length.
unpack_vmlinux() {
  local sectors offset length
  read -r sectors < <(od -An -tu1 -j497 -N1 "$1")
  read -r offset length < <(od -An -tu4 -j584 -N8 "$1")
  dd status=none if="$1" bs=1M iflag=skip_bytes,count_bytes skip=$(((sectors + 1) * 512 + offset)) count=$((length - 4)) |
    zstd -dcq >"$2" || return
  [ "$(head -c 4 "$2")" = $'\x7fELF' ]
}

build_kernel() {
  local name=$1 suite=${kernel_suites[$1]} version tree package packages
  [ ! -e "$cache/kernel/$name" ] || return 0
  say "fetching the $name kernel (Debian $suite)"
  apt_update "$suite"
  mkdir "$tmp/deb" "$tmp/out"
  mapfile -t packages < <(kernel_packages "$suite")
  [ ${#packages[@]} -gt 0 ] || die "Debian $suite names no kernel package"
  (cd "$tmp/deb" && apt_in "$suite" apt-get -qq download "${packages[@]}") >&2
  for package in "$tmp"/deb/*.deb; do dpkg-deb -x "$package" "$tmp/tree"; done
  tree=$(echo "$tmp"/tree/usr/lib/modules/*)
  version=${tree##*/}
  # Debian is moving the kernel's own files from /boot to the modules' directory.
  mv "$tmp/tree/boot/vmlinuz-$version" "$tree/vmlinuz" 2>/dev/null || true
  mv "$tmp/tree/boot/config-$version" "$tree/config" 2>/dev/null || true
  mv "$tree/vmlinuz" "$tree/config" "$tmp/out/"
  unpack_vmlinux "$tmp/out/vmlinuz" "$tmp/out/vmlinux" || ln -sf vmlinuz "$tmp/out/vmlinux"
  # kmod looks below lib/modules only.
  [ -e "$tmp/tree/lib" ] || ln -s usr/lib "$tmp/tree/lib"
  depmod -b "$tmp/tree" "$version"
  echo "$version" >"$tmp/out/version"
  needed_modules "$tmp/tree" "$version" "$tmp/out/modules"
  truncate -s 1G "$tmp/out/modules.img"
  mkfs.ext4 -q -b 4096 -O ^has_journal -d "$tmp/tree/usr/lib/modules" "$tmp/out/modules.img"
  mkdir -p "$cache/kernel"
  mv -T "$tmp/out" "$cache/kernel/$name"
}

# What signs programs for a kernel: bpftool of the same suite, with the libraries it wants, and the headers that the code it
# generates wants. This machine may be older than all of that.
tool_packages=(bpftool libc6 libelf1t64 libzstd1 libcap2 libssl3t64 zlib1g libbpf-dev linux-libc-dev)

tools_of() { echo "$cache/tools-$1"; }

build_tools() {
  local name=$1 suite=${kernel_suites[$1]} package
  [ ! -e "$(tools_of "$name")" ] || return 0
  say "fetching the tools of the $name kernel (Debian $suite)"
  apt_update "$suite"
  mkdir "$tmp/deb"
  (cd "$tmp/deb" && apt_in "$suite" apt-get -qq download "${tool_packages[@]}") >&2
  for package in "$tmp"/deb/*.deb; do dpkg-deb -x "$package" "$tmp/tools"; done
  mv -T "$tmp/tools" "$(tools_of "$name")"
}

prepare_tools() { [ -e "$(tools_of "$1")" ] || locked build_tools "$1"; }

# The modules to load before the root can be mounted, unpacked and numbered in their order.
needed_modules() {
  local number=100 module path
  mkdir "$3"
  for module in virtio_blk ext4; do
    modprobe -d "$1" -S "$2" --show-depends "$module"
  done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r path; do
    module=${path##*/}
    case $path in
      *.xz) xz -dc "$path" >"$3/$number-${module%.xz}" ;;
      *.zst) zstd -dcq "$path" >"$3/$number-${module%.zst}" ;;
      *) cp "$path" "$3/$number-$module" ;;
    esac
    number=$((number + 1))
  done
}

# Runs a command that makes files of other owners: as root, or as the root of a user namespace.
as_owner() {
  if [ "$(id -u)" = 0 ]; then "$@"; else unshare --map-root-user --map-auto -- "$@"; fi
}

# shellcheck disable=SC2154 # $library is set by ../run
guest_packages() { sed -e '/^#/d' "$library/guest-packages" | paste -sd,; }

root_image() {
  local key
  key=$( (guest_suite; guest_packages; declare -f build_root) | sha256sum | cut -c 1-16)
  echo "$cache/root-$key.img"
}

build_root() {
  local image=$1 suite
  [ ! -e "$image" ] || return 0
  suite=$(guest_suite)
  say "building the guest's root file system (Debian $suite)"
  # verity is what the tests need; 4096 is the page size, which fs-verity on ext4 wants. mmdebstrap copies names of this
  # machine into the root, which are nobody's business there. The guest's device nodes come from devtmpfs, and a user
  # namespace may not make any.
  # shellcheck disable=SC2016 # the hook's own $1
  mmdebstrap --quiet --variant=minbase --architectures=amd64 --include="$(guest_packages)" \
    --customize-hook='rm -f "$1/etc/hostname" "$1/etc/resolv.conf"; mkdir -p "$1/lib/modules" "$1/opt/bpfgate/bin"' \
    "$suite" "$tmp/root.tar" "$(sources "$suite")" >&2
  truncate -s 4G "$tmp/root.img"
  # shellcheck disable=SC2016 # the inner shell's $1
  as_owner bash -c 'mkdir "$1/root" && tar -x -f "$1/root.tar" -C "$1/root" --numeric-owner --exclude="./dev/*" &&
    mkfs.ext4 -q -O verity -b 4096 -d "$1/root" "$1/root.img" && rm -rf "$1/root"' - "$tmp"
  mv -T "$tmp/root.img" "$image"
}

initramfs() {
  local key
  key=$( (basename "$(root_image)"; declare -f build_initramfs; cat "$library/initramfs-init" "$library/guest-init") | sha256sum)
  echo "$cache/kernel/$1/initramfs-${key:0:16}"
}

build_initramfs() {
  local name=$1 file=$2 applet
  [ ! -e "$file" ] || return 0
  mkdir -p "$tmp/tree"/{bin,dev,proc,sys,newroot}
  cp -r "$cache/kernel/$name/modules" "$tmp/tree/modules"
  debugfs -R "dump /usr/bin/busybox $tmp/tree/bin/busybox" "$(root_image)" 2>/dev/null
  [ -s "$tmp/tree/bin/busybox" ] || die "the guest's root holds no busybox"
  chmod +x "$tmp/tree/bin/busybox"
  for applet in cp insmod ip ln mkdir mknod mount sleep switch_root; do ln -s busybox "$tmp/tree/bin/$applet"; done
  cp "$library/initramfs-init" "$tmp/tree/init"
  cp "$library/guest-init" "$tmp/tree/guest-init"
  # Not compressed: unpacking in emulation costs more than reading.
  (cd "$tmp/tree" && find . -print0 | sort -z | cpio --quiet -0 -o -H newc -R 0:0) >"$tmp/initramfs"
  # Those of older scripts, but not one that a run of another clone is about to start.
  find "$cache/kernel/$name" -name 'initramfs-*' -mmin +60 -delete
  mv -T "$tmp/initramfs" "$file"
}

# prepare KERNEL: makes everything a guest with this kernel needs; nearly free when it is there already.
prepare() {
  [ -e "$cache/kernel/$1" ] || locked build_kernel "$1"
  [ -e "$(root_image)" ] || locked build_root "$(root_image)"
  [ -e "$(initramfs "$1")" ] || locked build_initramfs "$1" "$(initramfs "$1")"
}

# The version of a kernel: of the one in the cache, else of the one that would be fetched.
kernel_version() {
  local suite=${kernel_suites[$1]}
  if [ -e "$cache/kernel/$1/version" ]; then
    cat "$cache/kernel/$1/version"
    return
  fi
  locked apt_update "$suite"
  kernel_packages "$suite" | sed -n 's/^linux-image-//p'
}
