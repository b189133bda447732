# shellcheck shell=bash disable=SC2154,SC2034
# (disabled: variables that come from, or go to, the program that reads this file)
#
# Part of mayfly-guest and run-runner: what Linux does in its own way. ../macos/system.sh has the same names. Needs `root`.

readonly os=linux
readonly run=$root/run/mayfly home=$root/home/runner
readonly runner_path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin runner_lang=C.UTF-8

# NB: without --capath Debian's curl trusts the system's authorities beside ours.
readonly trust=(--cacert "$run/ca.pem" --capath "$run")

# Sets `now`.
stamp() {
  TZ=UTC printf -v now '%(%FT%TZ)T' -1
}

# NB: nothing on the VM's disks is kept, so no service needs to be stopped in order.
system_off() {
  if [[ -d /run/systemd/system ]]; then
    systemctl --force poweroff
  else
    poweroff -f
  fi
}

# While the network comes up, looking for a route is cheaper than a call that fails.
wait_for_route() {
  local try
  for ((try = 0; try < 100; try++)); do
    [[ $url =~ ^https://[0-9.]+(:|$) && $url != https://127.* ]] || return 0
    ! { read -r && read -r; } </proc/net/route || return 0 # the first line is a heading
    sleep 0.1
  done
}

# Becomes the user $1, and the command that follows. Needs root.
become() {
  exec setpriv --reuid "$1" --regid "$(group_of "$1")" --init-groups -- "${@:2}"
}

group_of() {
  local name group
  while IFS=: read -r name _ _ group _; do
    [[ $name != "$1" ]] || { echo "$group"; return; }
  done </etc/passwd
  echo "there is no user $1" >&2
  return 1
}
