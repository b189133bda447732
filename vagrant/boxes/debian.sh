#!/usr/bin/env bash
# Purpose: makes a box for vagrant-libvirt that is `prepared`: Debian, with what every image of Mayfly's has (images/linux). From Debian's
#   packages alone: no Packer, no hypervisor, no download of an image.
# Input: debian.sh --output FILE [options]
#   --output FILE     the box, as debian-12.box
#   --suite NAME      Debian's; usually bookworm
#   --size GIB        of its disk, which takes up only what is in it; usually 20
#   --cache FOLDER    keeps what was fetched of Debian there, and uses it the next time
#   The variables of the steps, from the environment: MAYFLY_PACKAGES, MATLAB_RELEASE and so on. MATLAB_INPUT_FILE, MATLAB_LICENSE_FILE,
#   MATLAB_ISO and MAYFLY_RUNNER_LOCK are files here. http_proxy and its like, if packages come by one.
# Result: the box. A file that is there is replaced, once the new one is whole. Needs root and script/setup-host; x64 only. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
readonly project
# What the machine has besides what images/linux installs.
readonly base_packages="systemd-sysv udev dbus kmod linux-image-cloud-amd64 initramfs-tools zstd"
readonly files=(MATLAB_INPUT_FILE MATLAB_LICENSE_FILE MATLAB_ISO MAYFLY_RUNNER_LOCK)
# The last of the consoles is where the guest's words go, which Mayfly keeps as evidence.
readonly kernel_line="ro quiet console=tty0 console=ttyS0"
output='' suite=bookworm size_gib=20 cache='' work='' uuid=''

main() {
  read_options "$@"
  check
  work=$(mktemp --directory --tmpdir mayfly-box.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  unpack_debian
  run_steps
  write_box
  say "made $output"
}

read_options() {
  while (($# > 0)); do
    [[ $1 != --help ]] || { help; exit; }
    (($# > 1)) || die "$1 needs a value"
    case $1 in
      --output) output=$2 ;;
      --suite) suite=$2 ;;
      --size) size_gib=$2 ;;
      --cache) cache=$2 ;;
      *) die "knows no $1. See --help" ;;
    esac
    shift 2
  done
}

check() {
  local tool
  [[ -n $output ]] || die "--output is missing: the file of the box"
  [[ $size_gib =~ ^[1-9][0-9]{0,3}$ ]] || die "--size is a number of GiB, not '$size_gib'"
  [[ $(uname -m) == x86_64 ]] || die "makes boxes for x64 only"
  ((EUID == 0)) || die "must be run as root"
  for tool in mmdebstrap mkfs.ext4 sfdisk grub-mkimage qemu-img jq; do
    command -v "$tool" >/dev/null || die "$tool is missing: script/setup-host installs it"
  done
}

unpack_debian() {
  local tarball=$work/debian.tar key
  key=$(printf '%s\n' "$suite" "$base_packages" "$(declare -f fetch_debian)" | sha256sum | cut -c 1-16)
  if [[ -n $cache ]]; then tarball=$cache/debian-$key.tar; mkdir -p "$cache"; fi
  if [[ ! -s $tarball ]]; then
    say "fetching Debian $suite"
    fetch_debian "$suite" "$tarball" "$base_packages"
  fi
  export MAYFLY_SOURCE_SHA256
  MAYFLY_SOURCE_SHA256=$(sha256sum <"$tarball" | cut -d ' ' -f 1)
  mkdir "$work/root"
  tar --extract --file "$tarball" --directory "$work/root"
}

run_steps() {
  local build=$work/root/tmp/mayfly-build
  uuid=$(</proc/sys/kernel/random/uuid)
  name_machine "$work/root" "UUID=$uuid"
  cp --dereference /etc/resolv.conf "$work/root/etc/resolv.conf"
  install --directory --mode=0700 "$build" "$build/files"
  cp -r "$project/images" "$project/guest" "$build/"
  export MAYFLY_IMAGE_BUILD=yes MAYFLY_COMMIT=${MAYFLY_COMMIT:-$(git -C "$project" rev-parse HEAD 2>/dev/null || true)}
  hand_in "$build/files"
  run_inside "$work/root" /tmp/mayfly-build/images/linux/all.sh
  rm -r "$build"
}

# WARN: no links to what the steps overwrite at the end, the licence and the installer's input: they would be the caller's own files.
# The medium is only read, and is large, so it is not copied if that can be helped.
hand_in() {
  local name
  for name in "${files[@]}"; do
    [[ -f ${!name:-} ]] || continue
    if [[ $name != MATLAB_ISO ]] || ! cp --link "${!name}" "$1/$name" 2>/dev/null; then cp "${!name}" "$1/$name"; fi
    export "$name=/tmp/mayfly-build/files/$name"
  done
}

write_box() {
  local kernel
  kernel=$(cd "$work/root/boot" && printf '%s\n' vmlinuz-* | sort --version-sort | tail -n 1)
  [[ -s $work/root/boot/initrd.img-${kernel#vmlinuz-} ]] || die "the system has no kernel with its initrd"
  mkdir "$work/box"
  cp "$work/root/etc/mayfly/image.json" "$work/box/info.json"
  say "writing the disk"
  make_disk "$work/root" $((size_gib * 1024)) "$work/disk" "/boot/$kernel" "/boot/initrd.img-${kernel#vmlinuz-}" \
    "root=UUID=$uuid $kernel_line" -U "$uuid"
  qemu-img convert -O qcow2 "$work/disk" "$work/box/box.img"
  rm "$work/disk"
  say "packing"
  pack_box "$work/box" "$size_gib" "$output"
}

# The header of a script is its help.
help() {
  sed -n '2,/^[^#]/ s/^# \{0,1\}//p' "$0"
}

say() {
  printf 'debian.sh: %s\n' "$*" >&2
}

die() {
  say "$*"
  exit 1
}

main "$@"
