#!/bin/bash
# Purpose: refuses an image that is not as it must be. Input: ADMIN, OLD_PASSWORD, NEW_PASSWORD, AUTO_LOGIN.
# Result: exit code 0 if all is well. Safe to repeat. Needs root. NB: macOS has bash 3.2, and BSD's tools.
set -euo pipefail

main() {
  [[ -x /usr/local/lib/mayfly/mayfly-guest ]] || die "the guest program is not there"
  plutil -lint -s /Library/LaunchDaemons/dev.mayfly.guest.plist || die "launchd would not understand the guest's job"
  [[ -s /etc/mayfly/runner-version ]] || die "the runner is not there"
  [[ -x /Users/runner/actions-runner/bin/Runner.Listener ]] || die "the runner is not there"
  ! dseditgroup -o checkmember -m runner admin >/dev/null || die "the user runner is an administrator"
  [[ ! -e /var/db/mayfly/seed.json ]] || die "there is a seed"
  passwords
  login
}

# NB: an old password that is the new one would have been left as it was.
passwords() {
  dscl . -authonly "${ADMIN:?}" "${NEW_PASSWORD:?}" || die "the administrator has not the new password"
  ! dscl . -authonly "$ADMIN" "${OLD_PASSWORD:?}" 2>/dev/null || die "the administrator still has the base's password"
}

login() {
  local who
  who=$(defaults read /Library/Preferences/com.apple.loginwindow autoLoginUser 2>/dev/null) || who=''
  if [[ ${AUTO_LOGIN:?} == true ]]; then
    [[ $who == runner ]] || die "not runner is logged in on the screen, but '$who'"
  else
    [[ -z $who ]] || die "$who is logged in on the screen"
  fi
}

die() {
  printf '80-verify: %s\n' "$1" >&2
  exit 1
}

main
