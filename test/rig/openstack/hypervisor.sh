#!/usr/bin/env bash
# Purpose: what real guests need of the machine (VIRT=qemu): libvirt, and a bridge to reach them by. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig

readonly libvirt=qemu:///system
# The machine itself, in the network `lab`.
readonly gateway=10.11.0.1/16

# NB: libvirt is the machine's, not the rig's: `down` leaves it running, and it must not keep the lock.
start_hypervisor() {
  ((EUID == 0)) || die "VIRT=qemu makes a bridge and guests, and needs root"
  if [[ -d /run/systemd/system ]]; then
    systemctl start libvirtd
  else
    "$here/../libvirt/start" {lock}>&-
  fi
}

# Nova's Linux bridge for the network `lab`, made before its first guest so that the machine is in it, too.
make_bridge() {
  local bridge other
  bridge=brq$(sql neutron "select substr(id, 1, 11) from networks where name = 'lab'")
  other=$(ip -brief address show to "${gateway%/*}" | cut -d' ' -f1)
  [[ -z $other || $other == "$bridge" ]] || die "$other has the address ${gateway%/*} already: one rig with VIRT=qemu at a time"
  [[ -d /sys/class/net/$bridge ]] || ip link add "$bridge" type bridge
  ip address replace "$gateway" dev "$bridge"
  ip link set "$bridge" up
  echo "$bridge" >"$folder/bridge"
}

remove_bridge() {
  [[ -f $folder/bridge ]] || return 0
  ip link delete "$(<"$folder/bridge")" 2>/dev/null || true
  rm -f "$folder/bridge"
}

# Guests outlive Nova. Those of this rig have their files in its folder; all others are left alone.
remove_guests() {
  [[ $virt == qemu ]] || return 0
  virsh -q -c "$libvirt" version >/dev/null 2>&1 || return 0
  local guest
  for guest in $(virsh -q -c "$libvirt" list --all --name); do
    grep --quiet --fixed-strings "$folder/" <<<"$(virsh -q -c "$libvirt" dumpxml "$guest")" || continue
    virsh -q -c "$libvirt" destroy "$guest" >/dev/null 2>&1 || true
    virsh -q -c "$libvirt" undefine "$guest" >/dev/null
  done
}
