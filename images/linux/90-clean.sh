#!/usr/bin/env bash
# Purpose: step 90 of an image, the last: what makes this machine itself, and what the build left behind, is removed.
# Input: MATLAB_INPUT_FILE, MATLAB_LICENSE_FILE, as 40-matlab.sh takes them. WARN: they are overwritten and removed, so hand in copies.
#   See: shred_files in lib.sh.
# Result: no machine-id, no SSH host keys, no keys to log in by, no state of cloud-init, no logs, no histories, no caches, no seed; and
#   where there was a licence or a key, nothing in the free space of the disk.
#   The names of the network are resolved by systemd-resolved from the next boot on. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

main() {
  check_machine
  clean_packages
  forget_identity
  forget_secrets
  forget_cloud_init
  forget_people
  forget_logs
  link_resolver
  prove
  if is_running; then empty_free_space; fi
}

clean_packages() {
  apt_get autoremove --purge --yes
  apt-get clean
  rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/debconf/*-old
}

# NB: an empty machine-id is made at boot. A file that is missing is taken for a first boot, with its own long list of work.
forget_identity() {
  : >/etc/machine-id
  rm -f /var/lib/dbus/machine-id /etc/ssh/ssh_host_* /var/lib/systemd/random-seed /var/lib/systemd/credential.secret
  [[ ! -d /var/lib/dbus ]] || ln --symbolic --force /etc/machine-id /var/lib/dbus/machine-id
  rm -rf /var/lib/dhcp/* /var/lib/NetworkManager/* /etc/udev/rules.d/70-persistent-net.rules
  rm -f /var/lib/mayfly/seed.json
}

# What the build was given, and the user data that it may have come in. Of those on another disk, as a medium, nothing is in the image.
forget_secrets() {
  local file
  for file in "${MATLAB_INPUT_FILE:-}" "${MATLAB_LICENSE_FILE:-}"; do
    [[ ! -w $file ]] || shred_files "$file"
  done
  shred_files /var/lib/cloud
}

forget_cloud_init() {
  rm -rf /var/lib/cloud /run/cloud-init /etc/sudoers.d/90-cloud-init-users
  [[ -d /etc/cloud ]] || return 0
  rm -f /etc/ssh/sshd_config.d/50-cloud-init.conf
}

forget_people() {
  local home
  for home in /root /home/*; do
    [[ -d $home ]] || continue
    rm -f "$home"/.*_history "$home/.lesshst" "$home/.wget-hsts" "$home/.viminfo" "$home/.sudo_as_admin_successful"
    [[ -n ${MAYFLY_KEEP_USERS:-} && " $MAYFLY_KEEP_USERS " == *" ${home##*/} "* ]] || rm -rf "$home/.ssh"
    rm -rf "$home/.cache"
  done
}

# NB: emptied, not removed: programs that run have them open, and some need them to be there.
forget_logs() {
  find /var/log -type f -exec truncate --size=0 {} +
  find /var/log -type f \( -name '*.gz' -o -name '*.[0-9]' -o -name '*.old' \) -delete
  rm -rf /var/log/journal/* /home/runner/actions-runner/_diag
  find /tmp /var/tmp -mindepth 1 -maxdepth 1 ! -name 'mayfly*' ! -name 'systemd-private-*' -exec rm -rf {} +
}

# NB: what was secret may have been written twice: by a file system, by cloud-init, by an installer. A disk may say that it forgets what is
# trimmed, and keep it; so zeros come first. Only where there was something: they take minutes, and room in the cloud.
empty_free_space() {
  if [[ -n ${MATLAB_INPUT_FILE:-}${MATLAB_LICENSE_FILE:-} ]]; then
    say "overwriting what is free on the disk"
    overwrite_free_space /
  fi
  sync
  fstrim --all 2>/dev/null || true # not every disk can
}

link_resolver() {
  [[ -e /etc/systemd/system/multi-user.target.wants/systemd-resolved.service || -e /etc/systemd/system/sysinit.target.wants/systemd-resolved.service ]] \
    || return 0
  rm -f /etc/resolv.conf
  ln --symbolic /run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
}

prove() {
  local left
  left=$(find /etc/ssh -name 'ssh_host_*' 2>/dev/null; find /root/.ssh /home/*/.ssh -type f 2>/dev/null; find /var/lib/cloud -type f 2>/dev/null) || true
  [[ -n ${MAYFLY_KEEP_USERS:-} || -z $left ]] || die "is not clean: ${left//$'\n'/, }"
  [[ ! -s /etc/machine-id ]] || die "has still a machine-id"
  say "is clean"
}

main
