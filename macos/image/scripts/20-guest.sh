#!/bin/bash
# Purpose: installs Mayfly's guest program and its launchd job, and makes the user runner. Input: /tmp/mayfly/guest, which is guest/ of this
# project. Result: what guest/macos/install-guest.sh says. Safe to repeat. Needs root.
set -euo pipefail

/bin/bash /tmp/mayfly/guest/macos/install-guest.sh
