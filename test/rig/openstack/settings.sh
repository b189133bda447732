#!/usr/bin/env bash
# Purpose: what the parts of the rig share: knobs, ports, names, words for people. To be sourced, not run.
# shellcheck disable=SC2034 # the other parts read these

readonly virt=${VIRT:-fake} offset=${PORT_OFFSET:-0}
readonly folder=${RIG_FOLDER:-/tmp/mayfly-openstack-$virt-$offset}
readonly services="keystone placement glance neutron nova"
# Of Keystone's users admin and demo. No secret: everything listens on loopback, and holds nothing but tests.
readonly password=secret
readonly compute_host=lab1
readonly python=/usr/bin/python3

# NB: Debian's own Python and its programs, never those of a pyenv that is in front of them.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin

readonly began=$SECONDS

say() {
  printf '%4d s  %s\n' $((SECONDS - began)) "$*" >&2
}

die() {
  printf 'rig: %s\n' "$*" >&2
  exit 1
}

check_knobs() {
  [[ $virt =~ ^(fake|qemu)$ ]] || die "VIRT is fake or qemu, not '$virt'"
  [[ $offset =~ ^([1-9][0-9]{0,3})?0$ && $offset -le 55000 ]] || die "PORT_OFFSET is a multiple of 10 up to 55000, not '$offset'"
  [[ $folder == /* ]] || die "RIG_FOLDER is a path from the root, not '$folder'"
}

# NB: all ten differ in their last digit, so those of two rigs never meet, whatever their offsets and kinds.
set_ports() {
  local more=$offset
  [[ $virt == fake ]] || more=$((offset + 1))
  readonly keystone_port=$((5000 + more)) glance_port=$((9292 + more)) placement_port=$((8778 + more))
  readonly nova_port=$((8774 + more)) neutron_port=$((9696 + more))
}

# A folder belongs to one rig: its ports are in the cloud's own catalogue, its hypervisor in the cloud's databases.
check_same_rig() {
  local now="VIRT=$virt PORT_OFFSET=$offset" before
  if [[ -f $folder/knobs ]]; then
    before=$(<"$folder/knobs")
    [[ $before == "$now" ]] || die "$folder is a rig with $before. Use those, or name another RIG_FOLDER"
  fi
  echo "$now" >"$folder/knobs"
}

# Waits until a command succeeds, for so many seconds at most.
wait_until() {
  local seconds=$1 end=$((SECONDS + $1)) what=$2
  shift 2
  until "$@"; do
    ((SECONDS < end)) || die "waited $seconds s for $what. See the logs in $folder/log"
    sleep 0.1
  done
}

answers() {
  curl --silent --output /dev/null --max-time 5 --noproxy '*' "http://127.0.0.1:$1/"
}
