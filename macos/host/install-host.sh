#!/bin/bash
#
# Purpose: makes this Mac a host of Mayfly: installs mayfly-tart and its timer, and lets a controller's key in, for mayfly-tart only.
# Input: the controller's name (`controller` in mayfly.yml); its public key, as one argument or in a file; then the private addresses and
#   networks that VMs may reach: that of the guest listener, and those under `allow`. LIFE_HOURS: the most hours that a VM may live (24).
#   Run it in the account whose tart makes the VMs; it asks for sudo. The files beside it.
# Result: /usr/local/lib/mayfly, a launchd agent of this account, a line in ~/.ssh/authorized_keys. Safe to repeat, also when it has failed
#   half-way; a new key, new addresses and new hours take the place of the controller's old ones. NB: macOS has bash 3.2, and BSD's tools.
# For tests: MAYFLY_ROOT, put before every path of the system; MAYFLY_SUDO, in place of sudo.

set -euo pipefail
umask 077

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
readonly here
readonly root=${MAYFLY_ROOT:-} sudo=${MAYFLY_SUDO:-sudo}
readonly target=$root/usr/local/lib/mayfly
readonly job=dev.mayfly.tart-reaper
readonly agent=$HOME/Library/LaunchAgents/$job.plist
readonly keys=$HOME/.ssh/authorized_keys
readonly life_hours=${LIFE_HOURS:-24}
controller='' key='' addresses=''

main() {
  [[ ${1:-} != --help ]] || { help; exit; }
  (($# >= 2)) || die "wants the controller's name, its public key or the file of it, and the addresses that VMs may reach"
  read_controller "$1"
  read_key "$2"
  shift 2
  while (($# > 0)); do read_address "$1"; shift; done
  [[ $life_hours =~ ^[1-9][0-9]{0,2}$ ]] || die "LIFE_HOURS is '$life_hours', and must be a number of hours, 1 to 999"
  ((EUID != 0)) || [[ -n $root ]] || die "run it in the account whose tart makes the VMs, not as root"
  install_program
  let_in
  install_timer
  say "this Mac is a host of the controller $controller, in the account $(id -un)"
}

read_controller() {
  [[ $1 =~ ^[a-z0-9]{1,12}$ ]] || die "'$1' is no name of a controller: 1 to 12 of a-z and 0-9"
  controller=$1
}

# NB: what is written is the type and the key only. A line of authorized_keys may begin with options, which would come with a file.
read_key() {
  local line=$1 kind value rest pattern='^ssh-ed25519 [A-Za-z0-9+/]{68}=*( |$)'
  if [[ -f $1 ]]; then IFS= read -r line <"$1" || true; fi # without an end of line
  [[ $line =~ $pattern ]] || die "that is no public key of the kind ssh-ed25519"
  read -r kind value rest <<<"$line"
  key="$kind $value"
}

# As mayfly.yml has them; the controller's orders say an address as a network of one.
read_address() {
  [[ $1 =~ ^[0-9]{1,3}([.][0-9]{1,3}){3}(/[0-9]{1,2})?$ ]] || die "'$1' is no IPv4 address, and no network such as 192.168.7.0/24"
  [[ $1 == */* ]] || set -- "$1/32"
  addresses=$addresses${addresses:+,}$1
}

install_program() {
  "$sudo" install -d -m 0755 "$target"
  "$sudo" install -m 0755 "$here/mayfly-tart" "$here/records.sh" "$target/"
}

let_in() {
  local line others=''
  line="command=\"$target/mayfly-tart $controller $((life_hours * 3600)) $addresses\",restrict $key mayfly $controller"
  mkdir -p "${keys%/*}"
  chmod 0700 "${keys%/*}"
  if [[ -f $keys ]]; then
    others=$(grep -v " mayfly $controller\$" "$keys") || (($? == 1)) || die "$keys cannot be read" # 1: it has no other line
  fi
  # WARN: sshd goes by the first line that has the key. One without a command would open a shell to it.
  [[ $others != *"${key#* }"* ]] || die "$keys has this key in another line already. Take that away, or make a key for Mayfly only"
  printf '%s\n' ${others:+"$others"} "$line" >"$keys.new"
  mv "$keys.new" "$keys"
}

# An agent, and no daemon: tart's VMs are this account's.
# NB: launchd takes it away in the background, for some seconds, and refuses a new one meanwhile, as "5: Input/output error".
install_timer() {
  local try said=''
  mkdir -p "${agent%/*}"
  install -m 0644 "$here/$job.plist" "$agent"
  launchctl bootout "gui/$(id -u)/$job" 2>/dev/null || true # it is not there the first time
  for ((try = 0; try < 30; try++)); do
    if said=$(launchctl bootstrap "gui/$(id -u)" "$agent" 2>&1); then return; fi
    sleep 0.5
  done
  die "launchd does not take the timer: $said. Log in on the Mac's screen as $(id -un), and run this again"
}

# The header of a script is its help.
help() {
  sed -n '3,/^[^#]/ s/^# \{0,1\}//p' "$0"
}

say() {
  printf 'install-host: %s\n' "$1" >&2
}

die() {
  say "$1"
  exit 1
}

main "$@"
