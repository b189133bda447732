#!/usr/bin/env bash
# Purpose: builds a Debian box for vagrant-libvirt, or an image for OpenStack, for tests and the demo; from Debian's packages and this
#   repository alone.
# Input: the flavour.
#   tiny     busybox init, boots in seconds without KVM; holds the guest program and the stand-in runner (`prepared: true`)
#   ssh      boots as tiny does, with sshd and the user vagrant in place of Mayfly's parts: what `bench:start` compares with
#   systemd  an ordinary small Debian with sshd and the user vagrant, and nothing of Mayfly's (`prepared: false`)
#   cloud    for a VM of Nova's: a small Debian made an image by images/linux, with the stand-in runner; a whole disk with a boot loader,
#            raw; beside it .json with what upload-image.sh wants to know
# Result: the file's path on the last line. Kept under .cache/box by a digest of all that goes into it, and built when that changes.
# Needs root (or sudo), mmdebstrap, e2fsprogs, cpio, busybox-static; qemu-utils and vagrant for a box; grub-pc-bin, fdisk and
# Node for an image. Safe to repeat.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
project=$(cd "$here/../../.." && pwd)
# shellcheck source=../../../vagrant/boxes/lib.sh
source "$project/vagrant/boxes/lib.sh"
readonly here project cache=$project/.cache/box suite=bookworm disk_gib=2
# An image is sent to Glance and on to Nova's hosts whole, holes and all. See: make_image.
readonly image_size_mib=500
# Faster without KVM.
readonly quick=(-O '^has_journal,^metadata_csum')
# What the kernel has as modules and needs to find its disk and its network; the order matters.
readonly modules=(virtio_ring virtio virtio_pci_legacy_dev virtio_pci_modern_dev virtio_pci virtio_blk
  failover net_failover virtio_net virtio-rng)
# For the config drive.
readonly cloud_modules=(scsi_common scsi_mod virtio_scsi cdrom sr_mod isofs)
readonly kernel_line="console=ttyS0 quiet net.ifnames=0 mitigations=off tsc=unstable random.trust_cpu=on cryptomgr.notests nokaslr \
audit=0 apparmor=0 nmi_watchdog=0 8250.nr_uarts=1"

main() {
  flavour=${1:-}
  [[ $flavour =~ ^(tiny|ssh|systemd|cloud)$ ]] || die "usage: build-box.sh tiny|ssh|systemd|cloud"
  if ((EUID != 0)); then exec sudo --preserve-env=PATH "${BASH_SOURCE[0]}" "$@"; fi
  mkdir -p "$cache"
  exec 9>"$cache/lock"
  flock 9
  local file
  file=$cache/$(digest box_inputs)/$flavour.$(is_image && echo raw || echo box)
  if [[ ! -s $file ]]; then
    find "$cache" -mindepth 2 '(' -name '*.box' -o -name '*.raw' ')' -mtime +2 -delete
    work=$(mktemp -d --tmpdir mayfly-box.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    build "$file"
  fi
  echo "$file"
}

die() {
  printf 'build-box.sh: %s\n' "$*" >&2
  exit 1
}

say() {
  printf 'box %s: %s\n' "$flavour" "$*" >&2
}

is_image() {
  [[ $flavour == cloud ]]
}

# --- what a box is made of ---

packages() {
  echo ca-certificates curl git iproute2 jq busybox-static
  [[ ! $flavour =~ ^(ssh|systemd)$ ]] || echo openssh-server sudo
  [[ ! $flavour =~ ^(systemd|cloud)$ ]] || echo systemd-sysv udev
  # All that images/linux would install, and modprobe for the firewall.
  [[ $flavour != cloud ]] || echo procps unzip xz-utils zstd cloud-guest-utils nftables systemd-timesyncd systemd-resolved kmod
}

root_inputs() {
  echo "$suite" "$(packages)"
  declare -f make_root fetch_debian
  cat "$here/fetch-kernel"
}

box_inputs() {
  root_inputs
  cat "${BASH_SOURCE[0]}" "$project/vagrant/boxes/lib.sh"
  files_of "$here/initrd" "$here/tiny" "$here/ssh" "$here/systemd" "$here/cloud"
  [[ ! $flavour =~ ^(tiny|cloud)$ ]] || files_of "$project/guest" "$project/test/rig/runner/layout"
  [[ $flavour != cloud ]] || files_of "$project/images"
}

files_of() {
  find "$@" -type f -printf '%m %P\n' -exec cat {} + | sort
}

digest() {
  "$1" | sha256sum | cut -c 1-16
}

# --- building ---

build() {
  local root=$work/root
  tarball=$cache/root-$(digest root_inputs).tar
  [[ -s $tarball ]] || make_root "$tarball"
  mkdir -p "$root" "$work/box" "$(dirname "$1")"
  tar -xf "$tarball" -C "$root"
  say "setting up the system"
  name_machine "$root" "$(is_image && echo /dev/vda1 || echo /dev/vda)"
  "setup_$flavour" "$root"
  mv "$root/kernel" "$work/kernel"
  make_initrd "$work/box/initrd.gz"
  cp "$work"/kernel/boot/vmlinuz-* "$work/box/vmlinuz"
  if is_image; then make_image "$root" "$1"; else make_box "$root" "$1"; fi
}

# Fetching and unpacking the packages is most of the work, and changes least: kept apart.
make_root() {
  say "fetching Debian $suite"
  fetch_debian "$suite" "$1" "$(packages | tr '\n' ' ' | sed 's/ $//')" --customize-hook="$here/fetch-kernel"
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
  cp -r "$project/guest" "$1/tmp/guest"
  chroot "$1" /tmp/guest/linux/install-guest.sh
  rm -r "$1/tmp/guest"
}

setup_cloud() {
  local build=$1/tmp/mayfly-build
  mkdir "$build"
  cp -r "$project/images" "$project/guest" "$build/"
  node "$project/test/rig/runner/build.ts" "$build/mirror" >"$work/stand-in"
  make_it_an_image "$1"
  rm -r "$build"
  mask_slow_units "$1"
  cp -r "$here/cloud/etc" "$1/"
  chroot "$1" systemctl --quiet enable cloud-addresses.service
  add_modules "$1"
}

# NB: what the steps would install is there already, so nothing is fetched.
make_it_an_image() (
  export MAYFLY_IMAGE_BUILD=yes MAYFLY_UPGRADE=no MAYFLY_SKIP=40-matlab.sh MAYFLY_COMMIT MAYFLY_SOURCE_SHA256
  export MAYFLY_RUNNER_MIRROR=file:///tmp/mayfly-build/mirror MAYFLY_RUNNER_LOCK=/tmp/mayfly-build/mirror/runner.lock.json
  MAYFLY_COMMIT=$(git -C "$project" rev-parse HEAD)
  MAYFLY_SOURCE_SHA256=$(sha256sum <"$tarball" | cut -d ' ' -f 1)
  run_inside "$1" /tmp/mayfly-build/images/linux/all.sh
)

# The firewall needs a few; what the disk needs is in the initrd.
add_modules() {
  local version part
  version=$(basename "$1"/kernel/lib/modules/*)
  for part in net lib crypto; do
    install -d "$1/lib/modules/$version/kernel"
    cp -r "$1/kernel/lib/modules/$version/kernel/$part" "$1/lib/modules/$version/kernel/"
  done
  cp "$1/kernel/lib/modules/$version"/modules.{order,builtin,builtin.modinfo} "$1/lib/modules/$version/"
  chroot "$1" depmod "$version"
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
  mask_slow_units "$1"
}

# Of no use in a VM that lives for one job, and slow without KVM.
mask_slow_units() {
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
  local tree=$work/initrd wanted=("${modules[@]}") disk=/dev/vda module path
  ! is_image || { wanted+=("${cloud_modules[@]}") disk=/dev/vda1; }
  mkdir -p "$tree"/{bin,dev,root}
  cp /bin/busybox "$tree/bin/busybox"
  echo "$disk" >"$tree/disk"
  for module in "${wanted[@]}"; do
    path=$(find "$work/kernel/lib/modules" -name "$module.ko")
    [[ -f $path ]] || die "the kernel has no module $module"
    cp "$path" "$tree/"
    echo "$module.ko"
  done >"$tree/modules"
  install -m 755 "$here/initrd/init" "$tree/init"
  (cd "$tree" && find . | cpio --create --format=newc --quiet) | gzip -9 >"$1"
}

make_box() {
  say "writing the disk"
  make_filesystem "$1" "${disk_gib}G" "$work/disk" "${quick[@]}"
  qemu-img convert -O qcow2 "$work/disk" "$work/box/box.img"
  sed "s|@kernel_line@|$kernel_line|" "$here/Vagrantfile.box" >"$work/box/Vagrantfile"
  say "packing"
  pack_box "$work/box" "$disk_gib" "$2"
}

# NB: Nova's usual CD drive is of a kind that the initrd has no driver for; so the image says which to use.
make_image() {
  local image=$2.new
  mkdir "$1/boot/mayfly"
  cp "$work"/box/{vmlinuz,initrd.gz} "$1/boot/mayfly/"
  say "writing the disk"
  make_disk "$1" "$image_size_mib" "$image" /boot/mayfly/vmlinuz /boot/mayfly/initrd.gz "$kernel_line" "${quick[@]}"
  chmod 644 "$image"
  jq '. + {hw_cdrom_bus: "scsi", hw_scsi_model: "virtio-scsi", hw_vif_model: "virtio"}' "$1/etc/mayfly/image.json" >"$2.json"
  mv "$image" "$2"
}

main "$@"
