#!/usr/bin/env bash
# Purpose: gives a machine that becomes a box the account that Vagrant signs in with. Only for providers other than libvirt: there a VM gets
#   its seed by SSH. To be run before the steps of images/linux, with MAYFLY_KEEP_USERS=vagrant and MAYFLY_SSH=keep.
# WARN: the key is known to everybody, and the account may become root: so may each job that reaches its own VM's SSH.
# Input: MAYFLY_IMAGE_BUILD=yes; MAYFLY_VAGRANT_KEY, a file with the public key, as Vagrant's keys/vagrant.pub. See: ../../images/linux/lib.sh.
# Result: the user vagrant, and an SSH server that makes its own keys at the first boot. Safe to repeat.
set -euo pipefail

# shellcheck source=../../images/linux/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/../../images/linux/lib.sh"

readonly keys_at_boot=/etc/systemd/system/ssh.service.d/mayfly-keys.conf

main() {
  check_machine
  [[ -s ${MAYFLY_VAGRANT_KEY:-} ]] || die "MAYFLY_VAGRANT_KEY is no file: it is Vagrant's keys/vagrant.pub"
  install_packages openssh-server sudo
  id vagrant >/dev/null 2>&1 || useradd --create-home --user-group --shell /bin/bash vagrant
  install --directory --mode=0700 --owner=vagrant --group=vagrant /home/vagrant/.ssh
  install --mode=0600 --owner=vagrant --group=vagrant "$MAYFLY_VAGRANT_KEY" /home/vagrant/.ssh/authorized_keys
  install --mode=0440 /dev/stdin /etc/sudoers.d/vagrant <<<'vagrant ALL=(ALL) NOPASSWD:ALL'
  make_keys_at_boot
}

# NB: 90-clean.sh removes the server's keys, and without any it does not start. sshd -t is what Debian's unit begins with.
make_keys_at_boot() {
  install -D --mode=0644 /dev/stdin "$keys_at_boot" <<'END'
[Service]
ExecStartPre=
ExecStartPre=/usr/bin/ssh-keygen -A
ExecStartPre=/usr/sbin/sshd -t
END
  systemctl --quiet enable ssh.service
}

main
