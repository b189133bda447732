#!/bin/bash
# Purpose: gives the administrator another password than that of the base, which everybody knows.
# Input: ADMIN, OLD_PASSWORD, NEW_PASSWORD. For tests: MAYFLY_ROOT, put before every path.
# Result: the password; a keychain that was locked with the old one is gone. Safe to repeat. Needs root.
# NB: dscl takes passwords as arguments only, so for that moment every process of this VM can see them. Nobody else is in it, and nothing
# writes arguments down but sudo: so they must never be arguments of sudo's. See: ../macos.pkr.hcl.
set -euo pipefail

main() {
  : "${OLD_PASSWORD:?}" "${NEW_PASSWORD:?}"
  may_sign_in "$NEW_PASSWORD" || change
  may_sign_in "$NEW_PASSWORD" || die "the administrator ${ADMIN:?} has not the new password, although macOS took it"
  rm -rf "${MAYFLY_ROOT:-}/Users/$ADMIN/Library/Keychains"
}

# NB: an account that may unlock the disk keeps that right only if the old password is given, and refuses root without it.
# See: dscl(1), "passwd".
change() {
  local said why='no reason'
  may_sign_in "$OLD_PASSWORD" || die "the administrator ${ADMIN:?} has neither the base's password nor the new one. Look at base_user and base_password"
  if said=$(dscl . -passwd "/Users/$ADMIN" "$OLD_PASSWORD" "$NEW_PASSWORD" 2>&1); then return; fi
  if [[ $said =~ eDS[A-Za-z]+ ]]; then why=${BASH_REMATCH[0]}; fi # no more of it: it goes into a log
  die "macOS does not take the new password, and gives $why. It may be too simple for the rules of the base"
}

may_sign_in() {
  dscl . -authonly "${ADMIN:?}" "$1" >/dev/null 2>&1
}

die() {
  printf '50-password: %s\n' "$1" >&2
  exit 1
}

main
