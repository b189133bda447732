#!/bin/bash
# Purpose: leaves nothing in the image that was of its making: files, histories, logs, addresses, keys of its sshd.
# Input: ADMIN. Result: as said; macOS makes new keys at the next boot. Safe to repeat. Needs root.
set -euo pipefail

rm -rf /tmp/mayfly
rm -f /etc/ssh/ssh_host_*
rm -f "/Users/${ADMIN:?}"/.bash_history "/Users/$ADMIN"/.zsh_history /var/root/.bash_history
rm -rf "/Users/$ADMIN/.bash_sessions" "/Users/$ADMIN/.zsh_sessions"
rm -f /var/db/dhcpclient/leases/*
rm -f /var/log/mayfly-guest.log /var/log/install.log
