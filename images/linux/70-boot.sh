#!/usr/bin/env bash
# Purpose: step 70 of an image: what happens at boot, and what no longer does. A VM of Mayfly's lives for one job, so each second counts.
# Input: MAYFLY_NETWORK=keep, to leave the network as the base image has it, in place of DHCP by systemd-networkd; MAYFLY_CLOUD_INIT=keep,
#   to leave cloud-init on, which then looks at config drives only (for clouds without DHCP); MAYFLY_SSH=keep; MAYFLY_ASK_METADATA=yes, for
#   clouds without config drives, where the guest asks the metadata service. See: lib.sh.
# Result: units enabled and masked. Safe to repeat. The running network is left as it is.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

# Updates, their news and other clean-up come with the next image. The guest waits for the network itself.
readonly unwanted=(apt-daily.timer apt-daily-upgrade.timer apt-daily.service apt-daily-upgrade.service unattended-upgrades.service
  dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer motd-news.timer motd-news.service
  update-notifier-download.timer update-notifier-motd.timer apport.service ua-timer.timer ubuntu-advantage.service fwupd-refresh.timer
  snapd.service snapd.socket snapd.seeded.service snapd.snap-repair.timer snapd.apparmor.service
  systemd-networkd-wait-online.service NetworkManager-wait-online.service systemd-pstore.service)
readonly cloud_units=(cloud-init-local.service cloud-init.service cloud-init-main.service cloud-init-network.service cloud-config.service
  cloud-final.service cloud-init-hotplugd.socket)

main() {
  check_machine
  find_user_data
  has_systemd || { say "no systemd here: the base image starts what it starts"; return; }
  mask "${unwanted[@]}"
  if [[ ${MAYFLY_SSH:-} != keep ]]; then close_ssh; fi
  limit_cloud_init
  if [[ ${MAYFLY_NETWORK:-} != keep ]]; then set_up_network; fi
  install --directory /usr/local/lib/mayfly
  install --mode=0755 "$steps/units/grow-root" /usr/local/lib/mayfly/
  install_unit mayfly-grow.service
}

# See: ../../guest/contract.md, "The seed".
find_user_data() {
  rm -f /etc/mayfly/metadata
  [[ ${MAYFLY_ASK_METADATA:-} != yes ]] || install -D --mode=0644 /dev/null /etc/mayfly/metadata
}

# NB: disabled first, for its other name, sshd.service, is a link in the way of masking.
close_ssh() {
  systemctl --quiet disable ssh.service 2>/dev/null || true # there may be none
  mask ssh.service ssh.socket
}

# NB: user data is for the guest. cloud-init would keep a copy of it, and takes seconds at each boot.
limit_cloud_init() {
  [[ -d /etc/cloud ]] || return 0
  install --directory /etc/cloud/cloud.cfg.d
  printf '%s\n' 'datasource_list: [ConfigDrive, NoCloud, None]' 'users: []' 'ssh_deletekeys: true' 'allow_userdata: false' \
    'vendor_data: {enabled: false}' 'vendor_data2: {enabled: false}' >/etc/cloud/cloud.cfg.d/99-mayfly.cfg
  if [[ ${MAYFLY_CLOUD_INIT:-} == keep ]]; then rm -f /etc/cloud/cloud-init.disabled; return; fi
  touch /etc/cloud/cloud-init.disabled
  mask "${cloud_units[@]}"
}

# NB: what the network is called differs from cloud to cloud, so every Ethernet card is asked.
set_up_network() {
  install --directory /etc/systemd/network
  install --mode=0644 "$steps/units/80-mayfly.network" /etc/systemd/network/
  rm -f /etc/netplan/50-cloud-init.yaml /etc/network/interfaces.d/50-cloud-init
  systemctl --quiet enable systemd-networkd.service
  keep_names_working install_packages systemd-resolved
  systemctl --quiet enable systemd-resolved.service
}

# NB: in a chroot the package would replace resolv.conf by a link to a file that only its service makes. 90-clean.sh makes the link.
# Up to Debian 11 and Ubuntu 22.04 the service is part of systemd itself, and there is no such package.
keep_names_working() {
  local before
  before=$(cat /etc/resolv.conf 2>/dev/null || true)
  if apt-cache show systemd-resolved >/dev/null 2>&1; then "$@"; fi
  is_running && return
  rm -f /etc/resolv.conf
  printf '%s\n' "$before" >/etc/resolv.conf
}

main
