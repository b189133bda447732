#!/usr/bin/env bash
# Purpose: what real guests need of the machine (VIRT=qemu): libvirt, and a bridge to reach them by. To be sourced, not run.

readonly libvirt=qemu:///system
# The machine itself, in the network `lab`.
readonly gateway=10.11.0.1/16

# NB: libvirt is the machine's, not the rig's: `down` leaves it running.
start_hypervisor() {
  if [[ -d /run/systemd/system ]]; then
    systemctl start libvirtd
  else
    "$here/../libvirt/start"
  fi
}

# Nova's Linux bridge for the network `lab`, made before its first guest so that the machine is in it, too.
make_bridge() {
  local bridge
  bridge=brq$(sql neutron "select substr(id, 1, 11) from networks where name = 'lab'")
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
