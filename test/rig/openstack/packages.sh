#!/usr/bin/env bash
# Purpose: the packages that the rig is made of. To be sourced, not run.
# shellcheck disable=SC2154 # set by settings.sh, and `here` and `lock` by rig

readonly cloud_packages=(keystone glance-api placement-api nova-api nova-conductor nova-scheduler nova-compute nova-compute-qemu
  neutron-server python3-openstacksdk sqlite3 curl iproute2 procps util-linux uwsgi-core uwsgi-plugin-python3)
# For real guests: what makes config drives, and what runs the guests.
readonly guest_packages=(genisoimage libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils)
# Daemons that these packages start, and that nobody asked for: the rig starts its own, on its own ports.
readonly unwanted=(keystone glance-api placement-api nova-api nova-api-metadata nova-conductor nova-scheduler nova-compute neutron-server
  neutron-api neutron-rpc-server)

install_packages() {
  local before missing
  before=$(installed_daemons)
  missing=$(missing_packages)
  [[ -n $missing ]] || return 0
  say "installing by apt:" "${missing//$'\n'/ }"
  as_root apt-get -o DPkg::Lock::Timeout=1800 update --quiet=2
  # shellcheck disable=SC2086 # one word is one package
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=1800 install --yes --quiet=2 --no-install-recommends \
    $missing >&2
  missing=$(missing_packages)
  [[ -z $missing ]] || die "apt did not install" "${missing//$'\n'/ }"
  end_new_daemons "$before"
  say "installed"
}

check_packages() {
  local missing
  missing=$(missing_packages)
  [[ -z $missing ]] || die "packages are missing: ${missing//$'\n'/ }. Run \`$here/rig install\`"
}

missing_packages() {
  local package
  for package in "${cloud_packages[@]}" "${guest_packages[@]}"; do
    [[ $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || echo "$package"
  done
}

installed_daemons() {
  [[ -d /run/systemd/system ]] || return 0
  systemctl list-unit-files --no-legend --type=service | cut -d' ' -f1
}

# Those that were there before are somebody's, and are left alone.
end_new_daemons() {
  [[ -d /run/systemd/system ]] || return 0
  local name
  for name in "${unwanted[@]}"; do
    if ! grep --quiet --line-regexp "$name.service" <<<"$1" && systemctl cat "$name.service" >/dev/null 2>&1; then
      as_root systemctl disable --quiet --now "$name.service"
    fi
  done
}

as_root() {
  if ((EUID == 0)); then
    "$@"
    return
  fi
  command -v sudo >/dev/null || die "'$*' needs root. Run this as root, or install sudo"
  sudo "$@"
}
