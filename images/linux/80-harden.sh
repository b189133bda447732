#!/usr/bin/env bash
# Purpose: step 80 of an image: nobody but root is root, and jobs cannot reach the cloud's metadata.
# Input: MAYFLY_ALLOW_SUDO=yes, for images whose jobs need to be root; MAYFLY_KEEP_USERS, accounts that stay, separated by blanks (`vagrant`,
#   for a box that Vagrant reaches by SSH). See: lib.sh.
# Result: no account of a person, no password, no right to sudo without one. Ends with a proof of it. Safe to repeat.
set -euo pipefail

# shellcheck source=lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

readonly powers=(sudo admin wheel adm docker lxd libvirt kvm disk shadow systemd-journal)

main() {
  check_machine
  id runner >/dev/null 2>&1 || die "there is no user runner yet: 20-guest.sh makes it"
  remove_accounts
  lock_passwords
  weaken_runner
  close_sudo
  if has_systemd; then close_metadata; fi
  prove
}

# Those that the base image or the build came with, as `ubuntu`, `debian` and `vagrant`.
remove_accounts() {
  local name _ number
  while IFS=: read -r name _ number _; do
    if ((number < 1000 || number >= 60000)) || is_kept "$name"; then continue; fi
    say "removing the account $name"
    userdel --force --remove "$name" 2>/dev/null || ! id "$name" >/dev/null 2>&1 # it grumbles about a mail spool that is not there
    rm -rf "/home/${name:?}"
  done </etc/passwd
}

is_kept() {
  [[ " runner ${MAYFLY_KEEP_USERS:-} " == *" $1 "* ]]
}

# NB: a locked password is no expired account: what runs as the user goes on to.
lock_passwords() {
  local name password
  while IFS=: read -r name password _; do
    [[ $password == \!* || $password == \** || " ${MAYFLY_KEEP_USERS:-} " == *" $name "* ]] || usermod --lock "$name"
  done </etc/shadow
}

weaken_runner() {
  local group
  for group in "${powers[@]}"; do
    id --name --groups runner | tr ' ' '\n' | grep --quiet --line-regexp "$group" || continue
    say "takes runner from the group $group"
    gpasswd --delete runner "$group" >/dev/null
  done
}

close_sudo() {
  local file
  rm -f /etc/sudoers.d/mayfly-runner
  while IFS= read -r file; do
    if [[ -n ${MAYFLY_KEEP_USERS:-} && ${file##*/} == *vagrant* ]]; then continue; fi
    say "removing $file, which gives sudo without a password"
    rm -f "$file"
  done < <(grep --files-with-matches --recursive '^[^#]*NOPASSWD' /etc/sudoers.d 2>/dev/null || true)
  [[ ! -f /etc/sudoers ]] || sed --in-place '/^[^#]*NOPASSWD/d' /etc/sudoers
  [[ ${MAYFLY_ALLOW_SUDO:-} == yes ]] || return 0
  install_packages sudo
  echo 'runner ALL=(ALL:ALL) NOPASSWD: ALL' >/etc/sudoers.d/mayfly-runner
  chmod 0440 /etc/sudoers.d/mayfly-runner
}

# NB: with sudo a job can take the firewall away. Then only the cloud's own rules hold.
close_metadata() {
  install --mode=0644 "$steps/units/firewall.nft" /usr/local/lib/mayfly/
  install_unit mayfly-firewall.service
  install --directory /etc/systemd/system/mayfly-guest.service.d
  install --mode=0644 "$steps/units/firewall.conf" /etc/systemd/system/mayfly-guest.service.d/
  ! is_running || nft --check --file /usr/local/lib/mayfly/firewall.nft || die "the firewall's rules are not understood here"
}

prove() {
  local name
  [[ ${MAYFLY_ALLOW_SUDO:-} == yes ]] || ! become_root || die "the user runner can still become root"
  while IFS=: read -r name _; do
    is_kept "$name" || die "the account $name is still there"
  done < <(awk -F: '$3 >= 1000 && $3 < 60000' /etc/passwd)
  say "is hardened"
}

become_root() {
  command -v sudo >/dev/null && setpriv --reuid runner --regid "$(id -g runner)" --init-groups -- sudo --non-interactive true 2>/dev/null
}

main
