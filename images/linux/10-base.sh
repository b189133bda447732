#!/usr/bin/env bash
# Purpose: step 10 of an image: security updates, what the guest and most jobs need, UTC, a clock that is right.
# Input: MAYFLY_PACKAGES, further packages, separated by blanks; MAYFLY_UPGRADE=no, to leave out the updates; MAYFLY_NTP, time servers in
#   place of the distribution's, separated by blanks. See: lib.sh.
# Result: packages installed, timedatectl set. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# What the guest, the steps after this one and the runner's own actions call.
readonly packages=(ca-certificates curl git iproute2 jq procps tar unzip xz-utils zstd)
# What a machine of its own needs besides, and a VM that shares its host's kernel does not.
readonly machine_packages=(cloud-guest-utils nftables systemd-timesyncd)

main() {
  check_machine
  upgrade
  install_packages "${packages[@]}"
  if has_systemd; then install_packages "${machine_packages[@]}"; fi
  install_wanted
  set_clock
}

upgrade() {
  [[ ${MAYFLY_UPGRADE:-yes} == yes ]] || return 0
  say "installing updates"
  apt_get update
  apt_get upgrade --yes
}

install_wanted() {
  local wanted=()
  read -ra wanted <<<"${MAYFLY_PACKAGES:-}"
  ((${#wanted[@]} == 0)) || install_packages "${wanted[@]}"
}

# NB: a runner whose clock is wrong by minutes is refused by GitHub.
set_clock() {
  ln --symbolic --force /usr/share/zoneinfo/Etc/UTC /etc/localtime
  echo Etc/UTC >/etc/timezone
  has_systemd || return 0
  if [[ -n ${MAYFLY_NTP:-} ]]; then
    install --directory /etc/systemd/timesyncd.conf.d
    printf '[Time]\nNTP=%s\n' "$MAYFLY_NTP" >/etc/systemd/timesyncd.conf.d/mayfly.conf
  fi
  systemctl --quiet enable systemd-timesyncd
}

main
