#!/bin/bash
# Purpose: says who is logged in on the VM's screen: nobody, or the user runner, for jobs that need a screen.
# Input: AUTO_LOGIN, true or false. Result: settings of the login window. Safe to repeat. Needs root.
# NB: macOS has bash 3.2, and BSD's tools.
set -euo pipefail

main() {
  case ${AUTO_LOGIN:?} in
    true) log_in_runner ;;
    false) log_in_nobody ;;
    *) echo "40-login: AUTO_LOGIN must be true or false" >&2; exit 1 ;;
  esac
}

# The password is in no file but the one that macOS itself reads at boot, and is nobody's to know.
log_in_runner() {
  local password
  password=$(LC_ALL=C tr -dc 'A-Za-z0-9' </dev/urandom | head -c 32) || true # tr ends when nobody reads any more
  dscl . -passwd /Users/runner "$password"
  sysadminctl -autologin set -userName runner -password "$password"
  defaults write /Library/Preferences/com.apple.loginwindow DisableScreenLock -bool true
}

log_in_nobody() {
  defaults delete /Library/Preferences/com.apple.loginwindow autoLoginUser 2>/dev/null || true # there may be none
  rm -f /etc/kcpassword
}

main
