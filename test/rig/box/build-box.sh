#!/usr/bin/env bash
# Purpose: builds a Debian box for vagrant-libvirt, for tests and the demo; from Debian's packages and this repository alone.
# Input: the flavour.
#   tiny     busybox init, boots in seconds without KVM; holds the guest program and the stand-in runner (`prepared: true`)
#   ssh      boots as tiny does, with sshd and the user vagrant in place of Mayfly's parts: what `bench:start` compares with
#   systemd  an ordinary small Debian with sshd and the user vagrant, and nothing of Mayfly's (`prepared: false`)
# Result: the box's path on the last line. Kept under .cache/box by a digest of all that goes into it, and built when that changes.
# Needs root (or sudo), mmdebstrap, e2fsprogs, qemu-utils, cpio, busybox-static, vagrant. Safe to repeat.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../../.." && pwd)
readonly here project cache=$project/.cache/box suite=bookworm disk_size=2G
# What the box's kernel has as modules and needs to find its disk and its network; the order matters.
readonly modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk
  failover net_failover virtio_net virtio-rng)

main() {
  flavour=${1:-}
  [[ $flavour =~ ^(tiny|ssh|systemd)$ ]] || die "usage: build-box.sh tiny|ssh|systemd"
  if ((EUID != 0)); then exec sudo --preserve-env=PATH "${BASH_SOURCE[0]}" "$@"; fi
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  local box
  box=$cache/$(digest box_inputs)/$flavour.box
  if [[ ! -s $box ]]; then
    find "$cache" -mindepth 2 -name '*.box' -mtime +2 -delete
    work=$(mktemp -d --tmpdir mayfly-box.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    build "$box"
  fi
  echo "$box"
}

die() {
  printf 'build-box.sh: %s\n' "$*" >&2
  exit 1
}

say() {
  printf 'box %s: %s\n' "$flavour" "$*" >&2
}

# --- what a box is made of ---

packages() {
  echo ca-certificates curl git iproute2 jq busybox-static
  [[ $flavour == tiny ]] || echo openssh-server sudo
  [[ $flavour != systemd ]] || echo systemd-sysv udev
}

root_inputs() {
  echo "$suite" "$(packages)"
  declare -f make_root
  cat "$here/fetch-kernel"
}

box_inputs() {
  root_inputs
  cat "${BASH_SOURCE[0]}"
  files_of "$here/initrd" "$here/tiny" "$here/ssh" "$here/systemd"
  [[ $flavour != tiny ]] || files_of "$project/guest" "$project/test/rig/runner/layout"
}

files_of() {
  find "$@" -type f -printf '%m %P\n' -exec cat {} + | sort
}

digest() {
  "$1" | sha256sum | cut -c 1-16
}

# --- building ---

build() {
  local root=$work/root tarball
  tarball=$cache/root-$(digest root_inputs).tar
  [[ -s $tarball ]] || make_root "$tarball"
  mkdir "$root" "$work/box"
  tar -xf "$tarball" -C "$root"
  say "setting up the system"
  common_setup "$root"
  "setup_$flavour" "$root"
  mv "$root/kernel" "$work/kernel"
  make_initrd "$work/box/initrd.gz"
  cp "$work"/kernel/boot/vmlinuz-* "$work/box/vmlinuz"
  make_disk "$root" "$work/box/box.img"
  pack "$1"
}

# Fetching and unpacking the packages is most of the work, and changes least: kept apart.
make_root() {
  say "fetching Debian $suite"
  mmdebstrap --quiet --variant=minbase --include="$(packages | tr '\n ' ',,' | sed 's/,$//')" \
    --aptopt='Apt::Install-Recommends "false"' \
    --customize-hook="$here/fetch-kernel" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    "$suite" "$1.new.tar"
  mv "$1.new.tar" "$1"
}

common_setup() {
  echo mayfly >"$1/etc/hostname"
  echo '127.0.0.1 localhost mayfly' >"$1/etc/hosts"
  echo '/dev/vda / ext4 defaults,noatime 0 0' >"$1/etc/fstab"
  : >"$1/etc/machine-id"
  rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin
}

setup_tiny() {
  local runner=$1/home/runner/actions-runner
  cp -r "$here/tiny/etc" "$1/"
  ln -s /bin/busybox "$1/usr/sbin/poweroff"
  install_guest "$1"
  cp -r "$project/test/rig/runner/layout" "$runner"
  chroot "$1" chown -R runner: /home/runner/actions-runner
  install -D -m 644 "$runner/bin/version.txt" "$1/etc/mayfly/runner-version"
  [[ -x $1/usr/local/lib/mayfly/mayfly-guest && -x $runner/bin/Runner.Listener ]] || die "guest program or runner are not where they belong"
}

install_guest() {
  cp -r "$project/guest/linux" "$1/tmp/guest"
  chroot "$1" /tmp/guest/install-guest.sh
  rm -r "$1/tmp/guest"
}

setup_ssh() {
  cp -r "$here/tiny/etc" "$1/"
  cp -r "$here/ssh/etc" "$1/"
  cp -r "$here"/systemd/etc/{ssh,sudoers.d} "$1/etc/"
  add_vagrant_user "$1"
}

setup_systemd() {
  cp -r "$here/systemd/etc" "$1/"
  add_vagrant_user "$1"
  chroot "$1" systemctl --quiet enable systemd-networkd ssh
  # Of no use in a VM that lives for one job, and slow without KVM.
  chroot "$1" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer \
    e2scrub_reap.service fstrim.timer systemd-networkd-wait-online.service systemd-update-utmp.service \
    systemd-journal-flush.service getty@tty1.service serial-getty@ttyS0.service systemd-pstore.service \
    modprobe@configfs.service modprobe@dm_mod.service modprobe@drm.service modprobe@fuse.service modprobe@loop.service \
    modprobe@efi_pstore.service sys-kernel-debug.mount sys-kernel-tracing.mount dev-hugepages.mount dev-mqueue.mount
}

# As every box of Vagrant's has it: its key is known to all, and sudo asks for nothing.
add_vagrant_user() {
  local key
  key=$(dpkg -L vagrant | grep 'keys/vagrant\.pub$') || die "the package vagrant has no key"
  chroot "$1" useradd --create-home --shell /bin/bash vagrant
  install -d -m 700 "$1/home/vagrant/.ssh"
  install -m 600 "$key" "$1/home/vagrant/.ssh/authorized_keys"
  chroot "$1" chown -R vagrant: /home/vagrant/.ssh
  chmod 440 "$1/etc/sudoers.d/vagrant"
}

# An initrd by hand: busybox and the few drivers. Debian's own takes seconds without KVM.
make_initrd() {
  local tree=$work/initrd module path
  mkdir -p "$tree"/{bin,dev,root}
  cp /bin/busybox "$tree/bin/busybox"
  for module in "${modules[@]}"; do
    path=$(find "$work/kernel/lib/modules" -name "$module.ko")
    [[ -f $path ]] || die "the kernel has no module $module"
    cp "$path" "$tree/"
    echo "$module.ko"
  done >"$tree/modules"
  install -m 755 "$here/initrd/init" "$tree/init"
  (cd "$tree" && find . | cpio --create --format=newc --quiet) | gzip -9 >"$1"
}

make_disk() {
  say "writing the disk"
  truncate --size="$disk_size" "$work/disk"
  mkfs.ext4 -q -F -m 0 -O ^has_journal,^metadata_csum -d "$1" "$work/disk"
  qemu-img convert -O qcow2 "$work/disk" "$2"
}

# NB: written under another name first, so that a box that is there is whole.
pack() {
  say "packing"
  cp "$here/Vagrantfile.box" "$work/box/Vagrantfile"
  printf '{"provider": "libvirt", "format": "qcow2", "virtual_size": %d}\n' "${disk_size%G}" >"$work/box/metadata.json"
  mkdir -p "$(dirname "$1")"
  tar -C "$work/box" -cf - metadata.json Vagrantfile box.img vmlinuz initrd.gz | gzip -1 >"$1.new"
  chmod 644 "$1.new"
  mv "$1.new" "$1"
}

main "$@"
