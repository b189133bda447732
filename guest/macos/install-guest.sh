#!/usr/bin/env bash
#
# Installs the guest program and its launchd job on this Mac: in an image while it is built, or over SSH in a VM of another.
# Input: the files beside this script, and those of ../unix. Result: /usr/local/lib/mayfly, the user `runner`, and the job, which starts
#   with the next boot. Safe to repeat. Needs root. NB: macOS has bash 3.2, and BSD's tools.
# For tests: MAYFLY_ROOT, put before every path.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly root=${MAYFLY_ROOT:-}
readonly target=$root/usr/local/lib/mayfly job=$root/Library/LaunchDaemons/dev.mayfly.guest.plist
readonly programs=(../unix/mayfly-guest ../unix/calls.sh ../unix/run-runner ../unix/job-started.sh system.sh seed.sh)
readonly first_id=600 staff=20

main() {
  ((EUID == 0)) || die "must be run as root"
  install_user
  install_program
  install_job
  prove
}

# NB: without a password nobody can log in as this user, and the first account of a Mac has number 501.
install_user() {
  local id=$first_id
  if id runner >/dev/null 2>&1; then return; fi
  while dscl . -list /Users UniqueID | grep -q " $id\$"; do id=$((id + 1)); done
  dscl . -create /Users/runner
  dscl . -create /Users/runner RealName "Mayfly's runner"
  dscl . -create /Users/runner UserShell /bin/bash
  dscl . -create /Users/runner UniqueID "$id"
  dscl . -create /Users/runner PrimaryGroupID "$staff"
  dscl . -create /Users/runner NFSHomeDirectory /Users/runner
  createhomedir -c -u runner >/dev/null
}

install_program() {
  local program
  install -d -m 0755 "$target" "$root/etc/mayfly"
  install -d -m 0700 "$root/var/db/mayfly"
  for program in "${programs[@]}"; do
    install -m 0755 "$here/$program" "$target/"
  done
}

# NB: launchd takes a job only from a file that is root's, and that nobody else may write.
install_job() {
  plutil -lint -s "$here/dev.mayfly.guest.plist" || die "launchd would not understand dev.mayfly.guest.plist"
  install -d -m 0755 "${job%/*}"
  install -m 0644 "$here/dev.mayfly.guest.plist" "$job"
  chown root "$job"
}

prove() {
  [[ $("$target/mayfly-guest" --version) == $(MAYFLY_SYSTEM=$here "$here/../unix/mayfly-guest" --version) ]] || die "the program does not run"
  [[ -d $root/Users/runner ]] || die "the user runner has no home"
  say "the guest program is installed"
}

say() {
  printf 'install-guest: %s\n' "$1" >&2
}

die() {
  say "$1"
  exit 1
}

main
