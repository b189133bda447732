#!/usr/bin/env bash
# shellcheck disable=SC2154
# (disabled: variables of lib.sh and build.sh)
# Purpose: makes of what Packer has left what Mayfly takes: a box, or an image with its properties. To be sourced after lib.sh.
# Input: $output, with Packer's image, image.json and expiry.json in it.

pack() {
  case $target-$builder in
    cloud-*) write_properties; echo "$output/${value[name]}.qcow2" ;;
    box-qemu) pack_libvirt "$output/${value[name]}-libvirt.box" ;;
    box-virtualbox) pack_virtualbox "$output/${value[name]}-virtualbox.box" ;;
  esac
}

# --- for a cloud ---

# What the image says of itself, and what a VM of it must have. See: ../openstack/README.md, "Properties".
# NB: one socket, for clients of Windows use two at most.
write_properties() {
  local tpm='{}'
  if [[ ${value[tpm]} == true ]]; then tpm='{"hw_tpm_version": "2.0", "hw_tpm_model": "tpm-crb"}'; fi
  jq --compact-output --argjson tpm "$tpm" '. + {
    os_type: "windows", os_distro: "windows", os_secure_boot: "optional",
    hw_machine_type: "q35", hw_firmware_type: "uefi", hw_disk_bus: "scsi", hw_scsi_model: "virtio-scsi", hw_vif_model: "virtio",
    hw_cpu_max_sockets: "1", hw_qemu_guest_agent: "yes"
  } + $tpm' "$output/image.json" >"$output/${value[name]}.qcow2.json"
}

# --- for Vagrant ---

# NB: expiry.json comes first, so that whoever looks into a box of ten gigabytes finds it at once. See: src/drivers/box-expiry.ts.
# info.json comes next: `vagrant box list -i` prints it, and vagrant/boxes/add.sh takes from it what the box is.
pack_libvirt() {
  local gib
  gib=$(($(qemu-img info --output=json "$output/${value[name]}.qcow2" | jq '."virtual-size"') / 1024 ** 3))
  jq --null-input --argjson gib "$gib" '{provider: "libvirt", format: "qcow2", virtual_size: $gib}' >"$output/metadata.json"
  mv "$output/${value[name]}.qcow2" "$output/box.img"
  libvirt_settings | write_vagrantfile
  archive "$1" expiry.json info.json metadata.json Vagrantfile box.img
}

libvirt_settings() {
  cat <<'END'
  # UEFI as a ROM: what it would remember dies with the VM.
  config.vm.provider "libvirt" do |libvirt|
    libvirt.machine_type = "q35"
    libvirt.loader = "/usr/share/ovmf/OVMF.fd"
    libvirt.disk_bus = "scsi"
    libvirt.nic_model_type = "virtio"
END
  if [[ ${value[tpm]} == true ]]; then printf '    libvirt.tpm_%s\n' 'model = "tpm-crb"' 'type = "emulator"' 'version = "2.0"'; fi
  echo '  end'
}

# See: Vagrant docs, "Box file format" and VirtualBox' own part of it: the machine in box.ovf, and the address of its network card.
pack_virtualbox() {
  local mac disks
  mac=$(sed -n 's/.*MACAddress="\([0-9A-F]\{12\}\)".*/\1/p' "$output/${value[name]}.ovf" | head -n 1)
  [[ -n $mac ]] || die "VirtualBox' description of the machine names no network card"
  printf '{"provider": "virtualbox"}\n' >"$output/metadata.json"
  mv "$output/${value[name]}.ovf" "$output/box.ovf"
  virtualbox_settings "$mac" | write_vagrantfile
  mapfile -t disks < <(cd "$output" && printf '%s\n' *.vmdk *.nvram | grep --invert-match '^\*')
  archive "$1" expiry.json info.json metadata.json Vagrantfile box.ovf "${disks[@]}"
}

virtualbox_settings() {
  echo "  config.vm.base_mac = \"$1\""
  [[ ${value[tpm]} != true ]] \
    || echo '  config.vm.provider("virtualbox") { |machine| machine.customize ["modifyvm", :id, "--tpm-type", "2.0"] }'
}

write_vagrantfile() {
  {
    printf '%s\n' '# frozen_string_literal: true' '' 'Vagrant.configure("2") do |config|' '  config.vm.guest = :windows'
    # NB: only a box with the account `vagrant` can be signed in to. Mayfly never does.
    if [[ ${value[vagrant_user]} == true ]]; then printf '%s\n' '  config.vm.communicator = "winssh"' '  config.ssh.password = "vagrant"'; fi
    cat
    printf 'end\n'
  } >"$output/Vagrantfile"
}

archive() {
  local box=$1
  shift
  say "packing $box"
  cp "$output/image.json" "$output/info.json"
  tar --create --gzip --owner=0 --group=0 --directory "$output" --file "$box.part" "$@"
  mv "$box.part" "$box"
  (cd "$output" && rm -- "${@:2}")
  sha256sum "$box" | cut -d ' ' -f 1 >"$box.sha256"
  say "its SHA-256, for mayfly.yml: $(<"$box.sha256")"
  echo "$box"
}
