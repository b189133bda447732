# shellcheck shell=bash disable=SC2154,SC2034
# (disabled: variables that come from, or go to, the program that reads this file)
#
# Part of mayfly-guest and run-runner: what macOS does in its own way. ../linux/system.sh has the same names. Needs `root`.
# NB: macOS has bash 3.2, and BSD's tools.

readonly os=macos
readonly run=$root/var/run/mayfly home=$root/Users/runner
readonly runner_path=$root/opt/homebrew/bin:$root/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin runner_lang=en_US.UTF-8

# NB: Apple's curl with LibreSSL trusts the system's authorities beside the one that it is given; with Secure Transport it does not.
# One that knows no Secure Transport passes over this. See: daniel.haxx.se, "The Apple curl security incident 12604".
export CURL_SSL_BACKEND=secure-transport
readonly trust=(--cacert "$run/ca.pem")

# Sets `now`.
stamp() {
  now=$(date -u +%FT%TZ)
}

system_off() {
  shutdown -h now
}

# While the network comes up, looking for a route is cheaper than a call that fails.
wait_for_route() {
  local try
  for ((try = 0; try < 50; try++)); do
    ! route -n get default >/dev/null 2>&1 || return 0
    sleep 0.2
  done
}

# Becomes the user $1, and the command that follows. Needs root.
# NB: where the image logs that user in, the job gets the session, and with it the screen and the keychain.
become() {
  if [[ $(stat -f %Su /dev/console) == "$1" ]]; then
    exec launchctl asuser "$(id -u "$1")" sudo -n -E -u "$1" -- "${@:2}"
  else
    exec sudo -n -E -u "$1" -- "${@:2}"
  fi
}
