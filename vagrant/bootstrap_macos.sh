#!/usr/bin/env bash
# Purpose: makes a VM of any macOS box Mayfly's: installs the guest program and GitHub's runner where the box has them not, puts the seed
# in its place, and starts the guest program.
# Input: /tmp/mayfly with seed.json, runner.lock.json and the folders unix/ and macos/ of the repository's guest/; MAYFLY_RUNNER_MIRROR if
# the runner is not to come from GitHub. Run by Vagrant as root. Result: the guest program runs; the last line says so, and
# src/drivers/vagrant-build.ts looks for it. Safe to repeat until then. NB: macOS has bash 3.2, and BSD's tools.
set -euo pipefail

readonly from=/tmp/mayfly seed=/var/db/mayfly/seed.json
readonly job=dev.mayfly.guest

main() {
  trap 'rm -rf "$from"' EXIT
  # NB: in a box that holds the guest program it was started at boot, and is at its end, or still looks for a seed.
  launchctl bootout "system/$job" 2>/dev/null || true # not installed yet
  bash "$from/macos/install-guest.sh"
  bash "$from/macos/install-runner.sh"
  place_seed
  launchctl bootstrap system "/Library/LaunchDaemons/$job.plist"
  echo "mayfly: the guest program was started"
}

place_seed() {
  install -d -m 0700 "${seed%/*}"
  install -m 0600 "$from/seed.json" "$seed"
  dd if=/dev/zero of="$from/seed.json" bs=4096 count=1 conv=notrunc 2>/dev/null
}

main
