#!/usr/bin/env bash
# Purpose: makes a VM of any Debian or Ubuntu box Mayfly's: installs the guest program and GitHub's runner where the box has them
# not, puts the seed in its place, and starts the guest program.
# Input: /tmp/mayfly with seed.json, runner.lock.json and the folders unix/ and linux/ of the repository's guest/; MAYFLY_RUNNER_MIRROR if
# the runner is not to come from GitHub. Run by Vagrant as root. Result: the guest program runs; the last line says so, and
# src/drivers/vagrant-build.ts looks for it. Safe to repeat until then.
set -euo pipefail

readonly from=/tmp/mayfly seed=/var/lib/mayfly/seed.json program=/usr/local/lib/mayfly/mayfly-guest

main() {
  trap 'rm -rf "$from"' EXIT
  # NB: in a box that holds the guest program it was started at boot, found no seed, and is at its end; or nearly so.
  ! has_systemd || systemctl --quiet stop mayfly-guest.service 2>/dev/null || true # not installed yet
  bash "$from/linux/install-guest.sh"
  bash "$from/linux/install-runner.sh"
  place_seed
  start_guest
  echo "mayfly: the guest program was started"
}

place_seed() {
  install -D --mode=0600 "$from/seed.json" "$seed"
  shred --remove "$from/seed.json"
}

start_guest() {
  if has_systemd; then
    systemctl start mayfly-guest.service
  else
    setsid --fork "$program" </dev/null >/dev/console 2>&1
  fi
}

has_systemd() {
  [[ -d /run/systemd/system ]]
}

main
