#!/bin/bash
# Purpose: takes out of macOS what a throw-away VM has no use for: the search index, updates, sleep, the screen saver.
# Input: none. Result: settings of the system. Safe to repeat. Needs root. NB: macOS has bash 3.2, and BSD's tools.
set -euo pipefail

main() {
  # See: mdutil(1), softwareupdate(8), pmset(1).
  mdutil -a -i off >/dev/null
  softwareupdate --schedule off >/dev/null
  updates_off AutomaticCheckEnabled AutomaticDownload AutomaticallyInstallMacOSUpdates ConfigDataInstall CriticalUpdateInstall
  defaults write /Library/Preferences/com.apple.commerce AutoUpdate -bool false
  pmset -a sleep 0 displaysleep 0 disksleep 0 powernap 0 >/dev/null
  defaults write /Library/Preferences/com.apple.screensaver loginWindowIdleTime -int 0
}

updates_off() {
  local key
  for key in "$@"; do
    defaults write /Library/Preferences/com.apple.SoftwareUpdate "$key" -bool false
  done
}

main
