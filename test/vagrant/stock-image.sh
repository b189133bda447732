#!/usr/bin/env bash
# Purpose: makes a disk as a stock cloud image of Debian is: it boots by itself, and cloud-init reads a CD named cidata. For the test of
#   vagrant/boxes/build.sh, which cannot download one.
# Input: stock-image.sh FILE. Result: a qcow2. Needs root and script/setup-host. Safe to repeat: a file that is there is kept.
set -euo pipefail

# shellcheck source=../../vagrant/boxes/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../vagrant/boxes/lib.sh"

# With all that images/linux would install, for that is slow in a VM without KVM.
readonly contents="systemd-sysv udev dbus kmod linux-image-cloud-amd64 initramfs-tools zstd cloud-init netplan.io openssh-server sudo \
ca-certificates curl git iproute2 jq procps unzip xz-utils cloud-guest-utils nftables systemd-timesyncd systemd-resolved"

main() {
  local file=$1 uuid kernel
  [[ ! -s $file ]] || return 0
  work=$(mktemp --directory --tmpdir mayfly-stock.XXXXXX)
  trap 'rm -rf "$work"' EXIT
  fetch_debian bookworm "$work/debian.tar" "$contents"
  mkdir --parents "$work/root" "$(dirname "$file")"
  tar --extract --file "$work/debian.tar" --directory "$work/root"
  uuid=$(</proc/sys/kernel/random/uuid)
  name_machine "$work/root" "UUID=$uuid"
  chroot "$work/root" systemctl --quiet enable systemd-networkd systemd-resolved
  ln --symbolic --force /run/systemd/resolve/stub-resolv.conf "$work/root/etc/resolv.conf"
  kernel=$(basename "$work"/root/boot/vmlinuz-*)
  make_disk "$work/root" 3072 "$work/disk" "/boot/$kernel" "/boot/initrd.img-${kernel#vmlinuz-}" "root=UUID=$uuid ro console=ttyS0" -U "$uuid"
  qemu-img convert -O qcow2 "$work/disk" "$file.new"
  mv "$file.new" "$file"
}

main "$@"
