#!/bin/bash
# Purpose: gives the administrator another password than that of the base, which everybody knows.
# Input: ADMIN, NEW_PASSWORD. Result: the password; a keychain that was locked with the old one is gone. Safe to repeat. Needs root.
# NB: nobody else is in this VM to read what the commands are given.
set -euo pipefail

dscl . -passwd "/Users/${ADMIN:?}" "${NEW_PASSWORD:?}"
rm -rf "/Users/$ADMIN/Library/Keychains"
