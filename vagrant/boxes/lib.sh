#!/usr/bin/env bash
# Purpose: what the makers of boxes share, without Packer and without a hypervisor. To be sourced, not run.
# Needs root, mmdebstrap, e2fsprogs; qemu-utils for a box; grub-pc-bin and fdisk for a disk that boots by itself.
# Safe to repeat: each function makes its file anew.

# Where the partition begins: before it are the boot sector and the boot loader.
readonly partition_mib=1

# fetch_debian SUITE FILE PACKAGES [mmdebstrap's options]: the packages, and what Debian cannot be without, as a tar file.
fetch_debian() {
  local distribution=$1 file=$2 wanted=$3
  shift 3
  mmdebstrap --quiet --variant=minbase --include="${wanted// /,}" --aptopt='Apt::Install-Recommends "false"' \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/info/*' "$@" "$distribution" "$file.new.tar"
  mv "$file.new.tar" "$file"
}

# name_machine ROOT DEVICE: what a system is told of itself, and where its disk is.
name_machine() {
  echo mayfly >"$1/etc/hostname"
  echo '127.0.0.1 localhost mayfly' >"$1/etc/hosts"
  echo "$2 / ext4 defaults,noatime 0 0" >"$1/etc/fstab"
  : >"$1/etc/machine-id"
  rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin
}

# run_inside ROOT COMMAND...: the command in the system's folder, with the variables of the steps, those of proxies, and no others of ours.
# NB: the mounts end with the process that sees them.
run_inside() {
  local root=$1 variables=() name
  shift
  for name in $(compgen -e | grep -iE '^(MAYFLY_|MATLAB_|MPM_|(http|https|no)_proxy$)'); do
    variables+=("$name=${!name}")
  done
  # shellcheck disable=SC2016 # for the inner shell
  unshare --mount bash -c 'mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev" && exec chroot "$@"' -- "$root" \
    /usr/bin/env --ignore-environment PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "${variables[@]}" "$@"
}

# make_filesystem ROOT SIZE FILE [mkfs.ext4's options]: a file system with all that is in a folder.
make_filesystem() {
  local root=$1 size=$2 file=$3
  shift 3
  truncate --size="$size" "$file"
  mkfs.ext4 -q -F -m 0 -O ^has_journal "$@" -d "$root" "$file"
}

# make_disk ROOT MIB FILE KERNEL INITRD PARAMETERS [mkfs.ext4's options]: a disk that boots by itself on a PC's BIOS: a boot sector, the
# loader behind it, and one partition with the system. Kernel and initrd are named as they lie in the system.
# NB: boot.img looks for the loader in the second sector, which is where it is put; so no tool has to patch it on a device.
make_disk() {
  local root=$1 mib=$2 file=$3 kernel=$4 initrd=$5 parameters=$6 loader
  shift 6
  loader=$(mktemp --directory)
  printf '%s\n' 'set root=(hd0,msdos1)' "linux $kernel $parameters" "initrd $initrd" boot >"$loader/grub.cfg"
  grub-mkimage --format=i386-pc --prefix=/boot --config="$loader/grub.cfg" --output="$loader/core" biosdisk part_msdos ext2 linux
  truncate --size="${mib}M" "$file"
  printf 'start=%dMiB, type=83, bootable\n' "$partition_mib" | sfdisk --quiet "$file"
  dd if=/usr/lib/grub/i386-pc/boot.img of="$file" bs=440 count=1 conv=notrunc status=none
  dd if="$loader/core" of="$file" bs=512 seek=1 conv=notrunc status=none
  rm -r "$loader"
  mkfs.ext4 -q -F -m 0 -O ^has_journal -E "offset=$((partition_mib * 1024 * 1024))" "$@" -d "$root" "$file" "$(((mib - partition_mib) * 1024))k"
}

# pack_box FOLDER GIB FILE: what is in the folder, with box.img in it, as a box for vagrant-libvirt whose disk has so many GiB.
# NB: the disk comes last, so that whoever looks into a large box finds the rest at once. See: src/drivers/box-head.ts. Written under
# another name first, so that a box that is there is whole.
pack_box() {
  local path names=()
  printf '{"provider": "libvirt", "architecture": "amd64", "format": "qcow2", "virtual_size": %d}\n' "$2" >"$1/metadata.json"
  for path in "$1"/*; do [[ $path == */box.img ]] || names+=("${path##*/}"); done
  (cd "$1" && tar -cf - -- "${names[@]}" box.img) | gzip -1 >"$3.new"
  chmod 644 "$3.new"
  mv "$3.new" "$3"
}
