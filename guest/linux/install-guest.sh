#!/usr/bin/env bash
#
# Installs the guest program and its service on this machine: in a box while it is built, or over SSH in a VM of a stock box.
# Input: the files beside this script, and those of ../unix. Result: /usr/local/lib/mayfly, the user `runner`, and the service, enabled and not started.
# Safe to repeat. Needs root.

set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly target=/usr/local/lib/mayfly
readonly programs=(../unix/{mayfly-guest,calls.sh,run-runner,job-started.sh} system.sh seed.sh self-test)
readonly tools=(curl jq setpriv shred mkfifo)

main() {
  ((EUID == 0)) || die "must be run as root"
  install_tools
  install_user
  install_program
  install_service
  prove
}

install_tools() {
  local tool missing=()
  for tool in curl jq; do
    command -v "$tool" >/dev/null || missing+=("$tool")
  done
  ((${#missing[@]})) || return 0
  command -v apt-get >/dev/null || die "install ${missing[*]} first: there is no apt-get here to do it"
  export DEBIAN_FRONTEND=noninteractive
  apt-get update --quiet
  apt-get install --quiet --yes --no-install-recommends ca-certificates "${missing[@]}"
}

install_user() {
  id runner >/dev/null 2>&1 || useradd --create-home --user-group --shell /bin/bash runner
}

install_program() {
  local program
  install --directory --mode=0755 "$target" /etc/mayfly
  install --directory --mode=0700 /var/lib/mayfly
  for program in "${programs[@]}"; do
    install --mode=0755 "$here/$program" "$target/"
  done
}

# NB: in a chroot there is no systemd to talk to; enabling only makes a link.
install_service() {
  command -v systemctl >/dev/null || { say "no systemd here: start $target/mayfly-guest at boot by other means"; return; }
  install --mode=0644 "$here/mayfly-guest.service" /etc/systemd/system/
  systemctl --quiet enable mayfly-guest.service
  [[ ! -d /run/systemd/system ]] || systemctl daemon-reload
}

prove() {
  local tool
  for tool in "${tools[@]}"; do
    command -v "$tool" >/dev/null || die "$tool is missing"
  done
  [[ $("$target/mayfly-guest" --version) == $(MAYFLY_SYSTEM=$here "$here/../unix/mayfly-guest" --version) ]] || die "the program does not run"
  [[ -d $(getent passwd runner | cut -d: -f6) ]] || die "the user runner has no home"
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
